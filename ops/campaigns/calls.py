"""The calls of a workflow's day, a page at a time, the newest first."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple

import msgspec

from ingest.settings import Settings
from ops import queries
from ops.campaigns import statements
from ops.campaigns.day import Workflow
from ops.campaigns.figures import letter_of
from ops.days import day_in
from ops.trace.story import masked

MOST = 50
"""Calls of a page"""
OUTCOMES = ("conversation", "reached", "not reached")
"""The outcomes of a call; a conversation has reached somebody, too"""
MOST_LOOKED_AT = 20_000
"""Calls of all workflows that are looked at for a page"""


class CallPlace(NamedTuple):
    """A place among calls that are ordered by their start, then by source and id: what is before it is older."""

    started_at: datetime
    source: str
    call_id: str

    def __str__(self) -> str:
        """As it stands in a URL. No source has a comma in it."""
        return f"{self.started_at.isoformat().replace('+00:00', 'Z')},{self.source},{self.call_id}"


def place_of(text: str) -> CallPlace | None:
    """The place that a URL names; None if it names none."""
    moment, _, key = text.partition(",")
    source, _, call_id = key.partition(",")
    try:
        started_at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    if "\0" in key:  # no column holds one
        return None
    return CallPlace(started_at if started_at.tzinfo else started_at.replace(tzinfo=UTC), source, call_id)


class CallFilter(msgspec.Struct, frozen=True):
    """Which of a workflow's calls are meant: those with an intention, with one of OUTCOMES, before a place."""

    intention: str | None = None
    outcome: str | None = None
    before: CallPlace | None = None


class CallOfDay(msgspec.Struct, frozen=True):
    """A call, as a list shows it; the callee's number is masked unless it was asked for."""

    source: str
    call_id: str
    callee_number: str | None
    started_at: datetime
    duration: timedelta | None
    attempt: int | None
    intention: str | None
    turn_count: int
    callee_turn_count: int


class CallsOfDay(msgspec.Struct, frozen=True):
    """A page of calls. `older`: where the next one begins, None at the end. `looked_until`: where so many calls of
    others were looked at that the page ends early, the start of the last."""

    calls: list[CallOfDay]
    older: CallPlace | None
    looked_until: datetime | None


_ALL = CallFilter()


def calls_of(
    settings: Settings, workflow: Workflow, zone: tzinfo, day: date, meant: CallFilter = _ALL, *, unmasked: bool
) -> CallsOfDay:
    """The calls of a workflow on a zone's day that are meant."""
    period = day_in(zone, day)
    begin = meant.before or CallPlace(period.until, "", "")
    where = {
        **period._asdict(), "source": workflow[0], "workflow_id": workflow[1], "most": MOST + 1,
        "looked": MOST_LOOKED_AT, "before_at": begin.started_at, "before_source": begin.source,
        "before_call_id": begin.call_id, "intention": meant.intention, "outcome": meant.outcome,
    }  # fmt: skip
    with queries.connect(settings) as connection:
        rows = connection.execute(statements.PAGE_OF_CALLS, where).fetchall()
        last = None if len(rows) > MOST else connection.execute(statements.LAST_LOOKED, where).fetchone()
    calls = [_call(row, unmasked) for row in rows[:MOST]]
    if len(rows) > MOST:
        return CallsOfDay(calls, CallPlace(calls[-1].started_at, calls[-1].source, calls[-1].call_id), None)
    older = CallPlace(last["started_at"], last["source"], last["call_id"]) if last else None
    return CallsOfDay(calls, older, older.started_at if older else None)


def _call(row: queries.Row, unmasked: bool) -> CallOfDay:
    number = row["callee_number"]
    return CallOfDay(
        row["source"],
        row["call_id"],
        number if unmasked or number is None else masked(number),
        row["started_at"],
        row["duration"],
        row["attempt"],
        letter_of(row["intention"]),
        row["turn_count"] or 0,
        row["callee_turn_count"] or 0,
    )
