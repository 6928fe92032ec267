"""Replays as an operator sees them: begun, looked at, stopped. The sweeper works them off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.types.json import Jsonb

from ops import queries
from ops.repair.actions import begin_action, end_action
from workers.selection import ALIKE, Selection

BEGIN_REPLAY: LiteralString = "INSERT INTO airudder.replays (replay_id, total) VALUES (%(replay_id)s, %(total)s)"

_REPLAYS: LiteralString = """
SELECT replay_id, at, operator, filter, reason, total, fed, normalised, duplicate, dead, erased, causes,
  cardinality(in_hand) AS in_hand, stopped_at, replays.ended_at,
  extract(epoch FROM now() - moved_at)::float AS seconds_still
FROM airudder.replays JOIN airudder.actions ON action_id = replay_id
"""

REPLAY_BY_ID: LiteralString = f"{_REPLAYS} WHERE replay_id = %(replay_id)s"

NEWEST_REPLAYS: LiteralString = f"{_REPLAYS} ORDER BY replay_id DESC LIMIT %(limit)s"

STOP_REPLAY: LiteralString = """
UPDATE airudder.replays SET stopped_at = now()
WHERE replay_id = %(replay_id)s AND ended_at IS NULL AND stopped_at IS NULL RETURNING replay_id
"""

ONE_AT_A_TIME: LiteralString = "SELECT pg_advisory_xact_lock(hashtext('airudder-ingest replay'))"

RUNNING_LIKE: LiteralString = """
SELECT replay_id FROM airudder.replays JOIN airudder.actions ON action_id = replay_id
WHERE replays.ended_at IS NULL AND stopped_at IS NULL AND filter - 'until' = %(filter)s
ORDER BY replay_id LIMIT 1
"""

_COUNT: LiteralString = """
SELECT count(*) AS pushes FROM (SELECT FROM airudder.pushes WHERE {where} LIMIT %(limit)s) AS meant
"""

_COUNT_ALIKE: LiteralString = """
SELECT coalesce(sum(pushes), 0)::bigint AS pushes
FROM (SELECT error, count(*) AS pushes FROM airudder.pushes WHERE {where} GROUP BY error) AS by_error
WHERE {alike} = %(error)s
"""
"""Numbers are taken out of an error once for all pushes that have it."""

_Connection = Connection[queries.Row]


@dataclass(frozen=True)
class ReplayState:
    """How far a replay is."""

    replay_id: int
    at: datetime
    operator: str
    filter: dict[str, Any]
    """As `Selection.as_json`"""
    reason: str | None
    total: int
    """How many pushes it was of when it began"""
    fed: int
    """How many have become pending so far"""
    normalised: int
    duplicate: int
    dead: int
    erased: int
    causes: dict[str, int]
    """How many are dead again, by error"""
    in_hand: int
    """How many are pending, or not counted yet"""
    stopped_at: datetime | None
    ended_at: datetime | None
    seconds_still: float
    """Since it last went on"""

    @property
    def settled(self) -> int:
        """How many have their outcome."""
        return self.normalised + self.duplicate + self.dead + self.erased

    @property
    def passed_over(self) -> int:
        """How many were not as asked for any more when their turn came. Others had discarded, erased or replayed
        them, or retention had removed them. Known once it has ended."""
        return max(0, self.total - self.fed) if self.state == "ended" else 0

    @property
    def state(self) -> str:
        """In a word."""
        if self.ended_at:
            return "stopped" if self.stopped_at else "ended"
        return "stopping" if self.stopped_at else "running"


def count_of(selection: Selection) -> str:
    """The SQL of how many pushes are meant."""
    if selection.error is None or selection.limit is not None:
        return _COUNT.format(where=selection.where())
    others = msgspec.structs.replace(selection, error=None)
    return _COUNT_ALIKE.format(where=others.where(), alike=ALIKE.format(error="error"))


def count_selected(connection: _Connection, selection: Selection) -> int:
    """How many pushes are meant. Those that are dead are counted by index, the normalised ones one by one up to the
    selection's limit."""
    row = connection.execute(count_of(selection).encode(), selection.parameters()).fetchone()
    assert row, "the statement gives one row"
    pushes: int = row["pushes"]
    return pushes


def begin_replay(connection: _Connection, operator: str, selection: Selection, reason: str | None = None) -> int | None:
    """Begin a replay of what is there now; return its id, None if no push is meant."""
    until = selection.until or datetime.now(UTC)
    selection = msgspec.structs.replace(selection, until=until)
    total = count_selected(connection, selection)
    if not total:
        return None
    with connection.transaction():
        replay_id = begin_action(connection, operator, "replay", selection.as_json(), reason=reason)
        connection.execute(BEGIN_REPLAY, {"replay_id": replay_id, "total": total})
    return replay_id


def join_replay(connection: _Connection, operator: str, selection: Selection, reason: str | None = None) -> int | None:
    """Begin a replay, unless one of the same is running: then its id. None if no push is meant.

    Two operators who ask at the same time get the same one.
    """
    alike = msgspec.structs.replace(selection, until=None).as_json()
    with connection.transaction():
        connection.execute(ONE_AT_A_TIME)
        running = connection.execute(RUNNING_LIKE, {"filter": Jsonb(alike)}).fetchone()
        return running["replay_id"] if running else begin_replay(connection, operator, selection, reason)


def find_replay(connection: _Connection, replay_id: int) -> ReplayState | None:
    """One replay; None if there is none of this id."""
    row = connection.execute(REPLAY_BY_ID, {"replay_id": replay_id}).fetchone()
    return ReplayState(**row) if row else None


def newest_replays(connection: _Connection, limit: int) -> list[ReplayState]:
    """The newest first."""
    return [ReplayState(**row) for row in connection.execute(NEWEST_REPLAYS, {"limit": limit})]


def stop_replay(connection: _Connection, operator: str, replay_id: int) -> bool:
    """Feed nothing more of a replay: what is pending by now is settled still. False if it was not running."""
    with connection.transaction():
        if not connection.execute(STOP_REPLAY, {"replay_id": replay_id}).fetchone():
            return False
        action_id = begin_action(connection, operator, "replay stop", {"replay_id": replay_id}, pushes=None)
        end_action(connection, action_id)
    return True
