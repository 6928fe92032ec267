"""Known: which callees, cases and calls of a batch are in Postgres already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import Connection

from workers import statements
from workers.merge import Key, Tables


@dataclass(frozen=True)
class Known:
    """Keys that are there. Another worker may add one, or `ingest erase` take one away, before anything is written."""

    callees: set[Key]
    cases: set[Key]
    calls: set[Key]


def find_known(connection: Connection[tuple[Any, ...]], tables: Tables) -> Known:
    """Look up the keys of a batch."""
    callees = _find(connection, statements.FIND_CALLEES, {number for _, number in tables.callees})
    # Whoever has a case there is there.
    case_ids = {case_id for source, number, case_id in tables.cases if (source, number) in callees}
    cases = _find(connection, statements.FIND_CASES, {number for _, number in callees}, case_ids)
    calls = _find(connection, statements.FIND_CALLS, {call_id for _, call_id in tables.calls})
    return Known(callees, cases, calls)


def _find(connection: Connection[tuple[Any, ...]], statement: LiteralString, *ids: set[str]) -> set[Key]:
    if not all(ids):
        return set()
    return set(connection.execute(statement, list(map(list, ids))).fetchall())
