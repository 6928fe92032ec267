"""A day's campaigns: the workflows that called somebody on it, and how their calls went."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime, tzinfo

import msgspec
from psycopg import Connection

from ingest.settings import Settings
from ops import queries
from ops.campaigns import statements
from ops.campaigns.bound import bounded
from ops.campaigns.figures import Figures, figures
from ops.days import day_in
from ops.queries import Row

MOST_CALLS = 500_000
"""Of one day, of all workflows"""
MOST_CAMPAIGNS = 200
"""That are given: those with the most calls"""
MOST_WITHOUT_START = 10_000
"""That are counted"""

Workflow = tuple[str, str | None]
"""A source and the id of a workflow of its, None for calls of none"""
_Connection = Connection[Row]


class CampaignOfDay(msgspec.Struct, frozen=True):
    """A workflow's day. `workflow_id`: None for calls that name no workflow, such as the dialler's."""

    source: str
    workflow_id: str | None
    name: str | None
    status: str | None
    """In the vendor's words"""
    figures: Figures
    completed: int = 0
    """Numbers that AI Rudder is done with"""
    completed_reached: int = 0
    """Those of them whose status is finished"""
    sessions: int = 0
    """Chatbot sessions"""
    sessions_answered: int = 0
    """Those of them in which the callee wrote"""


class CampaignsOfDay(msgspec.Struct, frozen=True):
    """The campaigns of a day, those with the most calls first. `left_out`: how many more there are."""

    campaigns: list[CampaignOfDay]
    left_out: int
    counted_since: datetime | None
    """Where there were more calls than MOST_CALLS: those since then are counted"""
    without_start: int
    """Calls that are in no day, up to MOST_WITHOUT_START"""
    last_day: date | None
    """Where there is no campaign: the last day before with one"""


def campaigns_of(settings: Settings, zone: tzinfo, day: date) -> CampaignsOfDay:
    """The campaigns of a zone's day."""
    whole = day_in(zone, day)
    with queries.connect(settings) as connection:
        period, counted_since = bounded(connection, whole, MOST_CALLS)
        where = period._asdict()
        calls = _calls(connection, where)
        completed = _completed(connection, where)
        sessions = {_workflow(row): row for row in connection.execute(statements.SESSIONS_OF_DAY, where)}
        rows = {one: _counts(completed[one], sessions.get(one)) for one in {*calls, *completed, *sessions}}
        largest = sorted(rows, key=lambda one: (-_size(calls.get(one), rows[one]), one[0], one[1] or ""))
        shown = largest[:MOST_CAMPAIGNS]
        names = workflow_names(connection, shown)
        undated = connection.execute(statements.CALLS_WITHOUT_START, {"most": MOST_WITHOUT_START}).fetchone()
        return CampaignsOfDay(
            campaigns=[_campaign(one, names.get(one, (None, None)), calls.get(one), rows[one]) for one in shown],
            left_out=len(largest) - len(shown),
            counted_since=counted_since,
            without_start=undated["calls"] if undated else 0,
            last_day=None if shown else _last_day(connection, zone, whole.since),
        )


def workflow_names(
    connection: _Connection, workflows: Iterable[Workflow]
) -> dict[Workflow, tuple[str | None, str | None]]:
    """The name and the status of workflows, as far as they are known."""
    wanted = [one for one in workflows if one[1] is not None]
    where = {"sources": [source for source, _ in wanted], "workflow_ids": [name for _, name in wanted]}
    found = connection.execute(statements.WORKFLOW_NAMES, where)
    return {_workflow(row): (row["name"], row["status"]) for row in found}


def _campaign(
    workflow: Workflow, name_and_status: tuple[str | None, str | None], calls: Figures | None, others: Row
) -> CampaignOfDay:
    return CampaignOfDay(*workflow, *name_and_status, calls or Figures(), **others)


def _workflow(row: Row) -> Workflow:
    return row["source"], row["workflow_id"]


def _calls(connection: _Connection, where: Row) -> dict[Workflow, Figures]:
    counted: defaultdict[tuple[Workflow, bool], list[Row]] = defaultdict(list)
    for row in connection.execute(statements.CALLS_OF_DAY, where):
        counted[_workflow(row), bool(row["without_seconds"])].append(row)
    return {
        one: figures(rows, counted[one, False])
        for (one, is_by_intention), rows in [*counted.items()]
        if is_by_intention
    }


def _completed(connection: _Connection, where: Row) -> defaultdict[Workflow, Counter[str]]:
    found: defaultdict[Workflow, Counter[str]] = defaultdict(Counter)
    for row in connection.execute(statements.COMPLETED_OF_DAY, where):
        found[_workflow(row)].update(completed=row["numbers"], completed_reached=row["reached"])
    return found


def _counts(completed: Counter[str], sessions: Row | None) -> dict[str, int]:
    wrote = {"sessions": sessions["sessions"], "sessions_answered": sessions["answered"]} if sessions else {}
    return {**completed, **wrote}


def _size(calls: Figures | None, others: dict[str, int]) -> int:
    return (calls.calls if calls else 0) + others.get("completed", 0) + others.get("sessions", 0)


def _last_day(connection: _Connection, zone: tzinfo, before: datetime) -> date | None:
    row = connection.execute(statements.LAST_START, {"until": before}).fetchone()
    return row["started_at"].astimezone(zone).date() if row and row["started_at"] else None
