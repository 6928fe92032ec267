"""Would a server take a push? Each probe stores one as web does, and takes it back."""

from __future__ import annotations

import time
from typing import Any

import psycopg
from psycopg import Connection
from redis import Redis

from ingest.batch import redis_probe
from ingest.batch.entry import Entry, pending_columns
from ingest.batch.push_ids import PushIds
from ingest.clocks import ClockReading
from ingest.web.batch_in_redis import JOIN
from ingest.web.fallback import INSERT_PENDING
from ops import connecting, queries


def put_in_redis(client: Redis) -> ClockReading:
    """Store a push in Redis and take it back; Redis's clock. Raises what redis-py raises."""
    asked = time.time()
    with client.pipeline(transaction=True) as pipeline:
        redis_probe.put_probe(pipeline, client.register_script(JOIN))
        return redis_probe.reading(asked, pipeline.execute())


def put_in_postgres(connection: Connection[Any]) -> str | None:
    """Store a push in Postgres and take it back; why that cannot be done, if so. Ends the connection if it takes too
    long."""
    push_id, received_us = PushIds().draw()
    entry = Entry(push_id, received_us, "probe", "custom-api", b"{}")
    try:
        with connecting.ended_after(connection, connecting.ANSWER_SECONDS), connection.transaction():
            connection.execute(queries.WAIT_NO_LONGER)
            # Only the inner part is taken back. The commit is real, with its fsync and its wait for a standby.
            with connection.transaction(force_rollback=True):
                connection.execute(INSERT_PENDING, pending_columns([entry]))
    except psycopg.Error as error:
        return error.diag.message_primary or type(error).__name__
    return None
