"""Postgres tells what waits there, and how it is itself. All of it by index or from the catalog."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import LiteralString

from psycopg import Connection

from ops import queries
from ops.metrics.families import Reading

_Connection = Connection[queries.Row]

PARTITIONS: LiteralString = """
SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = 'airudder.pushes'::regclass AND relname > 'pushes_' || to_char((now() AT TIME ZONE 'UTC')::date,
  'YYYY_MM_DD') AND relname ~ '^pushes_[0-9]{4}_[0-9]{2}_[0-9]{2}$'
"""

SERVER: LiteralString = """
SELECT (SELECT sum(numbackends) FROM pg_stat_database)::float AS connections,
  current_setting('max_connections')::float AS connections_limit,
  pg_database_size(current_database())::float AS bytes,
  pg_stat_get_live_tuples('airudder.pushes_default'::regclass)::float AS default_pushes
"""
"""Of the default partition what Postgres estimates: to count its rows would be to read it."""


def read(connection: _Connection) -> Reading:
    """Everything. Raises psycopg.Error."""
    (pending,) = connection.execute(queries.PENDING)
    (dead,) = connection.execute(queries.DEAD)
    (server,) = connection.execute(SERVER)
    silences = connection.execute(queries.SILENCES).fetchall()
    made = {row["relname"] for row in connection.execute(PARTITIONS)}
    return {
        "ingest_pushes_pending": {(): pending["pushes"]},
        "ingest_pending_oldest_seconds": {(): pending["oldest_seconds"] or 0.0},
        "ingest_pushes_dead": {(): dead["pushes"]},
        "ingest_dead_oldest_seconds": {(): dead["oldest_seconds"]},
        "ingest_source_longest_silence_seconds": {(row["source"],): row["seconds"] for row in silences},
        "ingest_store_connections": {("postgres",): server["connections"]},
        "ingest_store_connections_limit": {("postgres",): server["connections_limit"]},
        "ingest_store_bytes": {("postgres",): server["bytes"]},
        "ingest_default_partition_pushes": {(): server["default_pushes"]},
        "ingest_partitions_ahead_days": {(): _ahead(made, datetime.now(UTC).date())},
    }


def _ahead(made: set[str], today: date) -> int:
    days = 0
    while f"pushes_{today + timedelta(days=days + 1):%Y_%m_%d}" in made:
        days += 1
    return days
