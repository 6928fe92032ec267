"""Dead letters that nobody needs any more: discarded, with the reason, and kept as rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import LiteralString

from psycopg import Connection

from ops import queries
from ops.repair.actions import begin_action, count_pushes, end_action
from workers.attempts import Attempt
from workers.selection import Selection
from workers.settlements import logged, parameters

PORTION = 1000
"""How many pushes one transaction discards"""

_CHOOSE: LiteralString = """
SELECT received_at, push_id, error, error_path FROM airudder.pushes
WHERE {where} ORDER BY received_at, push_id LIMIT %(portion)s FOR UPDATE
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

_Connection = Connection[queries.Row]


def discard(
    connection: _Connection, operator: str, selection: Selection, reason: str, advance: Callable[[int], None]
) -> int:
    """Discard the dead letters that are meant, and tell `advance` how many more are; return how many all in all.
    Interrupted, it has discarded some."""
    action_id = begin_action(connection, operator, "dead discard", selection.as_json(), reason=reason)
    statement = _CHOOSE.format(where=selection.where()).encode()
    where = {**selection.parameters(), "portion": PORTION}
    total, found = 0, PORTION
    while found == PORTION:
        with connection.transaction():
            connection.execute(queries.WAIT_NO_LONGER)
            rows = connection.execute(statement, where).fetchall()
            _discard(connection, action_id, rows)
            found = len(rows)
            count_pushes(connection, action_id, found)
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
