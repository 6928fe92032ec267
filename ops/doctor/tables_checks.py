"""The tables, as `ingest doctor` sees them: of which version they are, and whether pushes have their partitions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import LiteralString

from psycopg import Connection
from psycopg.errors import InsufficientPrivilege, UndefinedTable

from ops import queries
from ops.doctor.findings import Finding, change, good, note
from ops.migrations.files import read_migrations

_Connection = Connection[queries.Row]

MANY, TOO_MANY = 0.5, 0.8
"""Of the locks that Postgres has room for, those of one statement on all of pushes"""
ENOUGH = 0.25
"""The share that is advised: several such statements may run at once, and each day brings more locks."""

APPLIED: LiteralString = """
SELECT max(number) FILTER (WHERE applied_at IS NOT NULL) AS number,
  min(name) FILTER (WHERE applied_at IS NULL) AS interrupted
FROM airudder.migrations
"""


def check(connection: _Connection) -> Iterator[Finding]:
    """Check the tables, which are there."""
    yield from _version(connection)
    yield _partitions(connection)
    yield from locks(**queries.one(connection, queries.LOCKS))
    if pushes := queries.one(connection, queries.IN_DEFAULT)["pushes"]:
        yield note(
            f"about {pushes} pushes are in the default partition, as their day had none in time: "
            "was the sweeper away for a week, or a clock wrong?"
        )


def _version(connection: _Connection) -> Iterator[Finding]:
    newest = read_migrations()[-1].number
    try:
        applied = queries.one(connection, APPLIED)
    except InsufficientPrivilege:
        return  # web's user need not know
    except UndefinedTable:
        applied = {"number": 0, "interrupted": None}
    if applied["interrupted"]:
        yield change(f"migration {applied['interrupted']} is applied in part: run `ingest migrate` again")
    elif (number := applied["number"] or 0) == newest:
        yield good(f"the tables are of version {number}")
    elif number < newest:
        yield change(f"the tables are of version {number}, and this program is of {newest}: run `ingest migrate`")
    else:
        yield note(f"the tables are of version {number}, and this program is of {newest}: install the newer one")


def locks(used: int, of_each: int, sessions: int) -> Iterator[Finding]:
    """Whether Postgres has room for the locks that a statement on all of pushes takes: `of_each` for each session."""
    share = used / (of_each * sessions)
    if share < MANY:
        return
    enough = of_each
    while used > enough * sessions * ENOUGH:
        enough *= 2
    words = (
        f"what asks for all of pushes takes {used} of the {of_each * sessions} locks that Postgres has room for, and "
        f"each day brings more: set max_locks_per_transaction to {enough} and restart Postgres, or set "
        "INGEST_RETENTION_DAYS"
    )
    yield change(words) if share >= TOO_MANY else note(words)


def _partitions(connection: _Connection) -> Finding:
    if queries.one(connection, queries.PARTITIONS_AHEAD)["days"]:
        return good("partitions are made ahead")
    return change("tomorrow's partition is missing: is sweeper running?")
