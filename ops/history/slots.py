"""Slots: the time that a chart spans, cut into equal parts, and what was counted in each."""
# ruff: noqa: S608 - the SQL is built of constants alone

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import LiteralString, NamedTuple

import msgspec
from psycopg import Connection

from ops import queries
from workers.sweeper.history.tally import COLUMNS, Tally, read_tally

GAP_SECONDS = 120.0
"""A minute that counts more than so many has those of a gap."""


class Span(NamedTuple):
    """How far back a chart goes, and how long a slot of it is; both in seconds."""

    seconds: int
    slot: int


SPANS = {
    "1h": Span(3600, 60),
    "24h": Span(24 * 3600, 600),
    "7d": Span(7 * 24 * 3600, 2 * 3600),
    "30d": Span(30 * 24 * 3600, 6 * 3600),
}

ROWS_SINCE: LiteralString = f"""
SELECT begun_at, minutes, {COLUMNS} FROM airudder.history WHERE begun_at >= %(since)s ORDER BY begun_at
"""


class Gap(NamedTuple):
    """A time of which nobody knows when in it web has counted what: all of that stands at its end."""

    since: datetime
    until: datetime


class Slots(msgspec.Struct, frozen=True):
    """All slots of a span."""

    begins: list[int]
    """Of each when it begins, epoch seconds"""
    seconds: int
    """How long each is"""
    tallies: list[Tally | None]
    """None where no sweeper has written anything"""
    gaps: list[Gap]
    written_at: datetime | None
    """The begin of the newest minute that was written"""


def read_slots(connection: Connection[queries.Row], span: Span) -> Slots:
    """All slots up to now; the last one is not over yet. Raises psycopg.Error."""
    now = int(datetime.now(UTC).timestamp())
    first = (now - span.seconds) // span.slot * span.slot + span.slot
    begins = list(range(first, now + 1, span.slot))
    tallies: list[Tally | None] = [None] * len(begins)
    gaps: list[Gap] = []
    written_at = None
    for row in connection.execute(ROWS_SINCE, {"since": datetime.fromtimestamp(first, UTC)}):
        written_at = row["begun_at"]
        place = min((int(written_at.timestamp()) - first) // span.slot, len(begins) - 1)
        one = read_tally(*(row[name] for name in Tally.__struct_fields__))
        if row["minutes"] == 1 and one.seconds > GAP_SECONDS:
            gaps.append(Gap((until := written_at + timedelta(minutes=1)) - timedelta(seconds=one.seconds), until))
        if (slot := tallies[place]) is None:
            tallies[place] = one
        else:
            slot.add(one)
    return Slots(begins, span.slot, tallies, gaps, written_at)
