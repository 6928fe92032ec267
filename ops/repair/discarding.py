"""Dead letters that nobody needs any more: discarded, with the reason, and kept as rows.

A discard is worked off in portions. How far it is stands in its action, and one that was interrupted can be gone on
with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import LiteralString
from uuid import UUID

from psycopg import Connection

from ops import queries
from ops.repair.actions import begin_action, count_pushes, end_action
from workers.attempts import Attempt
from workers.selection import Selection
from workers.settlements import logged, parameters

PORTION = 1000
"""How many pushes one transaction discards"""
COMMAND = "dead discard"
"""As its action names it"""

_CHOOSE: LiteralString = """
SELECT received_at, push_id, error, error_path FROM airudder.pushes
WHERE {where} AND received_at >= %(after_received_at)s
  AND (received_at, push_id) > (%(after_received_at)s, %(after_push_id)s)
ORDER BY received_at, push_id LIMIT %(portion)s FOR UPDATE
"""

_DISCARD: LiteralString = logged(
    """
UPDATE airudder.pushes AS stored SET status = 'discarded'
FROM unnest(%b::timestamptz[], %b::uuid[]) AS given (received_at, push_id)
WHERE stored.received_at = given.received_at AND stored.push_id = given.push_id
""",
    former="'dead'",
)

_NOTE: LiteralString = """
INSERT INTO airudder.push_events (push_id, received_at, event, error, error_path, action_id)
SELECT push_id, received_at, 'discarded', error, error_path, %b::bigint
FROM unnest(%b::timestamptz[], %b::uuid[], %b::text[], %b::text[]) AS given (received_at, push_id, error, error_path)
"""

_TAKE: LiteralString = """
SELECT pg_try_advisory_lock(hashtext('airudder-ingest discard'), mod(%(action_id)s, 2147483648)::integer) AS is_ours,
  set_config('idle_session_timeout', '1min', false)
"""
"""The lock of a frozen process is gone after that time: between two portions none leaves Postgres alone for so long."""

_RELEASE: LiteralString = """
SELECT pg_advisory_unlock(hashtext('airudder-ingest discard'), mod(%(action_id)s, 2147483648)::integer)
"""

_IS_AT_WORK: LiteralString = """
SELECT EXISTS (
  SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND classid = hashtext('airudder-ingest discard')::oid
    AND objid = mod(%(action_id)s, 2147483648)::integer::oid) AS is_at_work
"""

_Connection = Connection[queries.Row]


def discard(
    connection: _Connection, operator: str, selection: Selection, reason: str, advance: Callable[[int], None]
) -> int:
    """Discard the dead letters that are meant, and tell `advance` how many more are; return how many all in all.
    Interrupted, it has discarded some."""
    action_id = begin_discard(connection, operator, selection, reason)
    with at_work(connection, action_id):
        return work_off(connection, action_id, selection, advance)


def begin_discard(connection: _Connection, operator: str, selection: Selection, reason: str) -> int:
    """Note that an operator gives up what is meant; return the action's id. Nothing is discarded yet."""
    return begin_action(connection, operator, COMMAND, selection.as_json(), reason=reason)


@contextmanager
def at_work(connection: _Connection, action_id: int) -> Iterator[bool]:
    """Be the one that works at a discard in this block; false where somebody else is at it."""
    row = connection.execute(_TAKE, {"action_id": action_id}).fetchone()
    is_ours = bool(row and row["is_ours"])
    try:
        yield is_ours
    finally:
        if is_ours and not connection.closed:
            connection.execute(_RELEASE, {"action_id": action_id})


def is_at_work(connection: _Connection, action_id: int) -> bool:
    """Whether somebody works at a discard."""
    row = connection.execute(_IS_AT_WORK, {"action_id": action_id}).fetchone()
    return bool(row and row["is_at_work"])


def find_portion(selection: Selection) -> str:
    """The SQL of the next dead letters that are meant, behind the last one that was discarded."""
    return _CHOOSE.format(where=selection.where())


def work_off(
    connection: _Connection, action_id: int, selection: Selection, advance: Callable[[int], None] = lambda pushes: None
) -> int:
    """Discard what is still dead of what is meant, and end the action; return how many were."""
    statement = find_portion(selection).encode()
    place = (datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))
    total, found = 0, PORTION
    while found == PORTION:
        where = {**selection.parameters(), "portion": PORTION}
        where["after_received_at"], where["after_push_id"] = place
        with connection.transaction():
            connection.execute(queries.WAIT_NO_LONGER)
            rows = connection.execute(statement, where).fetchall()
            _discard(connection, action_id, rows)
            found = len(rows)
            count_pushes(connection, action_id, found)
        place = (rows[-1]["received_at"], rows[-1]["push_id"]) if rows else place
        total += found
        advance(found)
    end_action(connection, action_id)
    return total


def _discard(connection: _Connection, action_id: int, rows: list[queries.Row]) -> None:
    times, push_ids, errors, error_paths = (
        [row[name] for row in rows] for name in ("received_at", "push_id", "error", "error_path")
    )
    connection.execute(_DISCARD, [*parameters(Attempt(through_redis=False, number=0)), times, push_ids])
    connection.execute(_NOTE, [action_id, times, push_ids, errors, error_paths])
