"""One workflow's day: how its calls went by hour, how they rang and ended; and the hours of its week."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta, tzinfo
from typing import LiteralString

import msgspec
from psycopg import Connection

from ingest.settings import Settings
from ops import queries
from ops.campaigns import statements
from ops.campaigns.bound import bounded
from ops.campaigns.day import MOST_CALLS, CampaignOfDay, Workflow, workflow_names
from ops.campaigns.figures import NONE, OTHER, figures, share
from ops.days import day_in, days_in
from ops.queries import Row

MOST_CALLS_OF_WEEK = 1_000_000
DAYS = 7
HOURS = 24

_Connection = Connection[Row]


class HourOfDay(msgspec.Struct, frozen=True):
    """An hour of a day, as its zone has it: the one that comes twice in a year is one."""

    hour: int
    calls: int
    reached: int
    conversations: int
    mean_seconds: float | None


class Word(msgspec.Struct, frozen=True):
    """How many calls rang or ended so; `meaning` is None of a word that is not documented."""

    word: str
    meaning: str | None
    calls: int


class WorkflowDay(msgspec.Struct, frozen=True):
    """A workflow's day. `hours`: from the first with a call to the last."""

    campaign: CampaignOfDay
    hours: list[HourOfDay]
    ring_types: list[Word]
    hangup_types: list[Word]
    counted_since: datetime | None
    """Where the day has more calls than MOST_CALLS, of all workflows: those since then are counted"""


class Cell(msgspec.Struct, frozen=True):
    """An hour of a week. `share`: of its calls that reached somebody, None if there were none."""

    calls: int
    reached: int
    share: float | None


class Week(msgspec.Struct, frozen=True):
    """The hours of seven days, a row a day from midnight on, the newest day last."""

    rows: list[tuple[date, list[Cell]]]
    counted_since: datetime | None
    """Where it has more calls than MOST_CALLS_OF_WEEK, of all workflows: those since then are counted"""

    @property
    def most_calls(self) -> int:
        """Of one hour."""
        return max(cell.calls for _, cells in self.rows for cell in cells)


def workflow_day(settings: Settings, workflow: Workflow, zone: tzinfo, day: date) -> WorkflowDay:
    """How a workflow's calls went on a zone's day. One that is not known has none."""
    source, workflow_id = workflow
    with queries.connect(settings) as connection:
        period, counted_since = bounded(connection, day_in(zone, day), MOST_CALLS)
        where = {**period._asdict(), "source": source, "workflow_id": workflow_id}
        counted: defaultdict[str, list[Row]] = defaultdict(list)
        for row in connection.execute(statements.CALLS_OF_WORKFLOW, where):
            counted[_SETS[row["without"]]].append(row)
        name, status = workflow_names(connection, [workflow]).get(workflow, (None, None))
        found = figures(counted["intention"], counted["seconds"])
        return WorkflowDay(
            CampaignOfDay(source, workflow_id, name, status, found, **_others(connection, workflow, where)),
            _hours(counted["quarter"], zone),
            _words(connection, statements.RING_TYPES, counted["ring_type"], "ring_type"),
            _words(connection, statements.HANGUP_TYPES, counted["hangup_type"], "hangup_type"),
            counted_since,
        )


def week_of(settings: Settings, workflow: Workflow, zone: tzinfo, last: date) -> Week:
    """The hours of the seven days of a zone of which this is the last."""
    calls: Counter[tuple[date, int]] = Counter()
    reached: Counter[tuple[date, int]] = Counter()
    with queries.connect(settings) as connection:
        period, counted_since = bounded(connection, days_in(zone, last, DAYS), MOST_CALLS_OF_WEEK)
        where = {**period._asdict(), "source": workflow[0], "workflow_id": workflow[1]}
        for row in connection.execute(statements.CALLS_OF_WEEK, where):
            at = row["quarter"].astimezone(zone)
            calls[at.date(), at.hour] += row["calls"]
            reached[at.date(), at.hour] += row["reached"]
    days = [last - timedelta(days=back) for back in reversed(range(DAYS))]
    return Week(
        [(day, [_cell(calls[day, hour], reached[day, hour]) for hour in range(HOURS)]) for day in days], counted_since
    )


_SETS = {0b01111: "seconds", 0b10111: "intention", 0b11011: "quarter", 0b11101: "ring_type", 0b11110: "hangup_type"}
"""By what a row of CALLS_OF_WORKFLOW is counted: a bit for each column by which it is not"""


def _cell(calls: int, reached: int) -> Cell:
    return Cell(calls, reached, share(reached, calls))


def _others(connection: _Connection, workflow: Workflow, where: Row) -> dict[str, int]:
    """The workflow's day as other tables than the calls tell it."""
    found: Counter[str] = Counter()
    for row in connection.execute(statements.COMPLETED_OF_DAY, where):
        if (row["source"], row["workflow_id"]) == workflow:
            found.update(completed=row["numbers"], completed_reached=row["reached"])
    for row in connection.execute(statements.SESSIONS_OF_DAY, where):
        if (row["source"], row["workflow_id"]) == workflow:
            found.update(sessions=row["sessions"], sessions_answered=row["answered"])
    return dict(found)


def _hours(quarters: Iterable[Row], zone: tzinfo) -> list[HourOfDay]:
    counted: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for row in quarters:
        hour = row["quarter"].astimezone(zone).hour
        counted[hour].update({name: int(row[name] or 0) for name in ("calls", "reached", "conversations", "timed")})
        counted[hour]["seconds"] += int(row["all_seconds"] or 0)
    if not counted:
        return []
    return [
        HourOfDay(hour, one["calls"], one["reached"], one["conversations"], share(one["seconds"], one["timed"]))
        for hour in range(min(counted), max(counted) + 1)
        for one in [counted[hour]]
    ]


def _words(connection: _Connection, statement: LiteralString, rows: Iterable[Row], column: str) -> list[Word]:
    meanings = {row["word"]: row["meaning"] for row in connection.execute(statement)}
    found = [
        Word(NONE if row[column] is None else row[column] or OTHER, meanings.get(row[column]), row["calls"])
        for row in rows
    ]
    return sorted(found, key=lambda one: (-one.calls, one.word))
