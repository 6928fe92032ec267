"""What Postgres holds: pushes as web and workers leave them, and all that is told of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import Connection

from ingest.batch.entry import Entry
from ingest.tables import TABLES
from tests.pushes import IDS, received_at
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

EVERYTHING = tuple(name for table in TABLES for name in (table.name, *table.lists.values()))
"""All that pushes of any kind tell: the tables, and the views of their lists"""
ROW_TABLES = ("workflows", "nodes", "callees", "cases", "case_answers", "calls", "call_attributes", "call_turns")
"""What a Custom API Data Push tells"""

DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


def rows(connection: Rows, table: str) -> list[dict[str, Any]]:
    """All rows of a table, in an order of their own."""
    found = connection.execute(f"SELECT * FROM airudder.{table}").fetchall()
    return sorted(found, key=str)


def outcomes(connection: Rows) -> dict[str, int]:
    """How many pushes came to which outcome."""
    counted = connection.execute("SELECT status, count(*) AS pushes FROM airudder.pushes GROUP BY status")
    return {row["status"]: row["pushes"] for row in counted}


def settled_in(
    order: Sequence[int], deliveries: Sequence[Entry], database: Database, connection: Rows
) -> list[dict[str, Any]]:
    """What is told if these deliveries, of a source of their own, are settled one after another in this order."""
    source = f"order {order}"
    again = [
        received_at(msgspec.structs.replace(one, push_id=IDS.draw()[0], source=source), one.received_us)
        for one in deliveries
    ]
    for place in order:
        settle(database, [again[place]])
    return told(connection, again, source)


def told(connection: Rows, deliveries: Sequence[Entry], source: str) -> list[dict[str, Any]]:
    """All that is told of a source, its pushes' outcomes included, with each delivery's place for its id. A version
    that is made of the vendor's time stays: it is the same for the same bytes."""
    places = {str(one.uuid): place for place, one in enumerate(deliveries)}
    found = []
    for table in (*EVERYTHING, "pushes"):
        for row in connection.execute(f"SELECT * FROM airudder.{table} WHERE source = %s", [source]):
            kept = {name: places.get(push, push) for name, push in (row.get("kept_from") or {}).items()}
            by = {name: places.get(str(row[name]), row[name]) for name in ("push_id", "told_by") if row.get(name)}
            ids = {"source": None, "kept_from": kept, "normalised_at": bool(row.get("normalised_at")), **by}
            row.pop("recurrence", None)  # tells pushes of the same bytes apart, and no more
            found.append({"table": table, **row, **ids})
    return sorted(found, key=str)


def store_pending(connection: Rows, one: Entry, attempts: int = 0) -> None:
    """A push as web leaves it when Redis is away."""
    connection.execute(
        "INSERT INTO airudder.pushes (push_id, received_at, source, kind, body, status, attempts) "
        "VALUES (%s, %s, %s, %s, %s, 'pending', %s)",
        (one.uuid, one.received_at, one.source, one.kind, one.body, attempts),
    )


def statuses(connection: Rows) -> list[str]:
    """The outcome of every push, oldest first."""
    return [row["status"] for row in connection.execute("SELECT status FROM airudder.pushes ORDER BY push_id")]


def replay_dead(connection: Rows) -> None:
    """What an older release's `ingest dead replay --all` did: all dead letters are pending at once."""
    connection.execute(
        "UPDATE airudder.pushes SET status = 'pending', error = NULL, error_path = NULL, attempts = 0, "
        "replayed_at = now() WHERE status = 'dead'"
    )


def make_dead(connection: Rows, one: Entry, error: str = "could not be normalised: KeyError") -> None:
    """What an older release, that could not read the push, left behind."""
    connection.execute(
        "INSERT INTO airudder.pushes (push_id, received_at, source, kind, body, status, error, error_path) "
        "VALUES (%s, %s, %s, %s, %s, 'dead', %s, '$')",
        (one.uuid, one.received_at, one.source, one.kind, one.body, error),
    )
