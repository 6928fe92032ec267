"""Postgres tells what waits there, and how it is itself. All of it by index or from the catalog."""

from __future__ import annotations

from typing import LiteralString

from psycopg import Connection

from ops import queries, totals
from ops.metrics.families import Reading

_Connection = Connection[queries.Row]

DATABASE_BYTES: LiteralString = "SELECT pg_database_size(current_database()) AS bytes"


def read(connection: _Connection) -> Reading:
    """Everything. Raises psycopg.Error."""
    pending, waits_for = totals.pending(connection)
    dead, dead_for = totals.dead(connection)
    connections = queries.one(connection, queries.CONNECTIONS)
    silences = connection.execute(queries.SILENCES).fetchall()
    return {
        "ingest_pushes_pending": {(): pending},
        "ingest_pending_oldest_seconds": {(): waits_for},
        "ingest_pushes_dead": {(): dead},
        "ingest_dead_oldest_seconds": {(): dead_for},
        "ingest_source_longest_silence_seconds": {(row["source"],): row["seconds"] for row in silences},
        "ingest_store_connections": {("postgres",): connections["used"]},
        "ingest_store_connections_limit": {("postgres",): connections["allowed"]},
        "ingest_store_bytes": {("postgres",): queries.one(connection, DATABASE_BYTES)["bytes"]},
        "ingest_default_partition_pushes": {(): queries.one(connection, queries.IN_DEFAULT)["pushes"]},
        "ingest_partitions_ahead_days": {(): queries.one(connection, queries.PARTITIONS_AHEAD)["days"]},
    }
