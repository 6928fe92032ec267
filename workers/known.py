"""Known: which calls of a batch are in Postgres already."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from workers import statements
from workers.merge import Key, Tables


def find_known_calls(connection: Connection[tuple[Any, ...]], tables: Tables) -> set[Key]:
    """Look up the keys of the calls. Another worker may add one before anything is written."""
    if not tables.calls:
        return set()
    found = connection.execute(statements.FIND_CALLS, [[call_id for _, call_id in tables.calls]])
    return set(found.fetchall()) & tables.calls.keys()
