"""Series of numbers, one for each line of a chart, as uPlot takes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import msgspec

from ingest.batch import keys
from ops.history.slots import Slots
from ops.quantile import quantile
from workers.settlements import LAG_BOUNDS
from workers.sweeper.history.tally import OUTCOMES, Tally

MOST_LINES = 8
"""More would not be told apart; what is left is one more."""
SHARES = {"half of them": 0.5, "99 in 100": 0.99}

Numbers = list[float | None]
Lines = dict[str, Numbers]


class Series(msgspec.Struct, frozen=True):
    """The lines of every chart by their names, with a number for each slot: of pushes, requests or seconds. None where
    nothing is known."""

    outcomes: Lines
    """Pushes that web received, and those settled, by what became of them"""
    kinds: Lines
    """Pushes settled, by kind"""
    sources: Lines
    """The same, by source; the busiest ones, and all others together"""
    lag: Lines
    """Seconds from a push's coming until it was settled, by SHARES"""
    acknowledgement: Lines
    """Seconds from a request's admission until its push was on disk, by SHARES"""
    refusals: Lines
    """Requests refused, by reason"""


def series(slots: Slots) -> Series:
    """All of them. Durations are the bounds that they were counted by."""
    tallies = slots.tallies
    return Series(
        outcomes=_received(tallies) | _lines([_by_outcome(one) if one else None for one in tallies], OUTCOMES),
        kinds=_lines([_settled_by(one, 1) if one else None for one in tallies], rest="other kinds"),
        sources=_lines([_settled_by(one, 0) if one else None for one in tallies], rest="other sources"),
        lag=_quantiles(tallies, lambda one: one.lag_counts, LAG_BOUNDS),
        acknowledgement=_quantiles(tallies, lambda one: one.keep_counts, keys.KEEP_BOUNDS),
        refusals=_lines([_by_reason(one) if one and one.seconds else None for one in tallies], rest="other reasons"),
    )


def _received(tallies: Iterable[Tally | None]) -> Lines:
    return {"received": [sum(one.kept.values()) if one and one.seconds else None for one in tallies]}


def _by_outcome(tally: Tally) -> Counter[str]:
    return Counter(dict(zip(OUTCOMES, map(sum, zip(*tally.settled.values(), strict=True)), strict=False)))


def _settled_by(tally: Tally, part: int) -> Counter[str]:
    """How many were settled, by a part of the fields: 0 is the source, 1 the kind."""
    return _totals((field.split("\t")[part], sum(outcomes)) for field, outcomes in tally.settled.items())


def _by_reason(tally: Tally) -> Counter[str]:
    return _totals((field.partition("\t")[0], number) for field, number in tally.refused.items())


def _totals(numbers: Iterable[tuple[str, int]]) -> Counter[str]:
    totals: Counter[str] = Counter()
    for name, number in numbers:
        totals[name] += number
    return totals


def _lines(slots: Sequence[Counter[str] | None], always: Sequence[str] = (), rest: str = "") -> Lines:
    """A line of each name, the largest first, those that are always there before; from MOST_LINES on one of all."""
    totals: Counter[str] = Counter()
    for slot in filter(None, slots):
        totals.update(slot)
    names = [*always, *(name for name, number in totals.most_common() if number and name not in always)]
    own = names if len(names) <= MOST_LINES else names[: MOST_LINES - 1]
    lines: Lines = {name: [None if slot is None else slot[name] for slot in slots] for name in own}
    if len(own) < len(names):
        lines[rest] = [None if slot is None else sum(slot[name] for name in names[len(own) :]) for slot in slots]
    return lines


def _quantiles(slots: Iterable[Tally | None], counted: Callable[[Tally], list[int]], bounds: Sequence[float]) -> Lines:
    found = [counted(one) if one else [] for one in slots]
    return {name: [quantile(one, bounds, share) for one in found] for name, share in SHARES.items()}
