"""Tallies: what a row of `airudder.history` says, how rows are added up, and by how much counters have risen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from operator import add
from typing import Any, LiteralString

import msgspec
from psycopg.types.json import Jsonb


class Tally(msgspec.Struct):
    """All that came and all that was settled in some time. `kept`, `refused` and `settled` are by source and more."""

    seconds: float = 0.0
    """For how long web's counters were watched"""
    kept: dict[str, int] = {}
    """By `keys.kept_field`"""
    refused: dict[str, int] = {}
    """By `keys.refused_field`"""
    keep_counts: list[int] = []
    """By the place among `keys.KEEP_BOUNDS`"""
    settled: dict[str, list[int]] = {}
    """By `settled_field`, how many of each of OUTCOMES"""
    lag_counts: list[int] = []
    """By the place among `settlements.LAG_BOUNDS`"""

    def add(self, other: Tally) -> None:
        """Add what another time had."""
        self.seconds += other.seconds
        for own, others in ((self.kept, other.kept), (self.refused, other.refused)):
            for field, number in others.items():
                own[field] = own.get(field, 0) + number
        for field, outcomes in other.settled.items():
            self.settled[field] = _sum(self.settled.get(field, ()), outcomes)
        self.keep_counts = _sum(self.keep_counts, other.keep_counts)
        self.lag_counts = _sum(self.lag_counts, other.lag_counts)


OUTCOMES = ("normalised", "duplicate", "dead")
"""In the order in which `settled` counts them"""

_NUMBERS = msgspec.json.Decoder(dict[str, int])
_LISTS = msgspec.json.Decoder(dict[str, list[int]])

COLUMNS: LiteralString = "seconds, kept::text, refused::text, keep_counts, settled::text, lag_counts"
"""The fields of Tally, as `read_tally` takes them"""


class Counters(msgspec.Struct):
    """Web's counters as they were at some time: they only rise, but where Redis loses them."""

    kept: dict[str, int]
    refused: dict[str, int]
    keep_counts: list[int]

    def risen(self, before: Counters) -> Tally:
        """By how much, since they were as before.

        One that fell has not risen. Redis was emptied then, or has lost its last moment, and nobody knows which. In the
        second case all that it shows would be counted again.
        """
        return Tally(
            kept=_rises(before.kept, self.kept),
            refused=_rises(before.refused, self.refused),
            keep_counts=[
                max(0, now - was) for was, now in zip_longest(before.keep_counts, self.keep_counts, fillvalue=0)
            ],
        )


def read_tally(
    seconds: float, kept: str, refused: str, keep_counts: list[int], settled: str, lag_counts: list[int]
) -> Tally:
    """A row's COLUMNS."""
    return Tally(
        seconds, _NUMBERS.decode(kept), _NUMBERS.decode(refused), keep_counts, _LISTS.decode(settled), lag_counts
    )


def columns(tally: Tally) -> dict[str, Any]:
    """The same as parameters of a statement."""
    objects = {name: Jsonb(getattr(tally, name)) for name in ("kept", "refused", "settled")}
    return msgspec.structs.asdict(tally) | objects


def settled_field(source: str, kind: str) -> str:
    """The field of `settled` for a source and a kind."""
    return f"{source}\t{kind}"


def _sum(one: Sequence[int], other: Sequence[int]) -> list[int]:
    if len(one) == len(other):  # nearly always, and a chart of a month adds up thousands of rows
        return list(map(add, one, other))
    return [first + second for first, second in zip_longest(one, other, fillvalue=0)]


def _rises(before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, int]:
    rises = {field: number - before.get(field, 0) for field, number in now.items()}
    return {field: rise for field, rise in rises.items() if rise > 0}
