"""Redis is away: pushes go to Postgres as pending, one insert a group; the sweeper feeds them to the normaliser."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from typing import Any, LiteralString

import psycopg
from psycopg import AsyncConnection

from ingest.entry import Entry
from ingest.errors import NowhereToStoreError, describe

TIMEOUT_SECONDS = 0.45
"""Time for one insert, connecting included. Behind another one and a try of Redis, an answer is out within a second."""
REST_SECONDS = 1.0
"""After a failure Postgres is left alone for this long, so that the sender hears 503 at once."""

INSERT_PENDING: LiteralString = """
INSERT INTO airudder.pushes (push_id, received_at, source, kind, body)
SELECT push_id, received_at, source, kind, body
FROM unnest(%b::uuid[], %b::timestamptz[], %b::text[], %b::text[], %b::bytea[])
  AS entry (push_id, received_at, source, kind, body)
ON CONFLICT (received_at, push_id) DO NOTHING
"""
"""Without a status, which the role airudder_web may not name: pending is the table's default."""
CHECK_TABLES: LiteralString = "SELECT FROM airudder.pushes LIMIT 0"

_log = logging.getLogger(__name__)


class Fallback:
    """Stores pushes in Postgres; connects only when it is needed, so acknowledgements never depend on Postgres."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._connection: AsyncConnection[Any] | None = None
        self._rests_until = 0.0
        self._abandoned: set[asyncio.Task[None]] = set()

    async def store(self, entries: list[Entry]) -> None:
        """Return when the pushes are committed as pending; NowhereToStoreError otherwise."""
        if time.monotonic() < self._rests_until:
            raise NowhereToStoreError("neither Redis nor Postgres can store a push")
        try:
            await self._in_time(self._execute(INSERT_PENDING, pending_columns(entries)))
        except (psycopg.Error, OSError) as error:
            self._rests_until = time.monotonic() + REST_SECONDS
            _log.error("Postgres did not store a group of pushes: %s", describe(error))
            raise NowhereToStoreError("neither Redis nor Postgres can store a push") from None

    async def is_reachable(self) -> bool:
        """Whether Postgres answers and has our tables, within the time-out."""
        try:
            await self._in_time(self._execute(CHECK_TABLES, ()))
        except (psycopg.Error, OSError):
            return False
        return True

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection:
            await self._connection.close()

    async def _execute(self, statement: LiteralString, parameters: tuple[object, ...]) -> None:
        if self._connection is None or self._connection.closed:
            self._connection = await AsyncConnection.connect(self._database_url, autocommit=True, connect_timeout=2)
        connection = self._connection
        try:
            await connection.execute(statement, parameters)
        except BaseException:
            await connection.close()
            raise

    async def _in_time(self, work: Coroutine[Any, Any, None]) -> None:
        # psycopg answers a cancellation only after the server has: from a frozen server that would be never. So a
        # late task is left to itself, together with its connection.
        task = asyncio.create_task(work)
        done, _ = await asyncio.wait({task}, timeout=TIMEOUT_SECONDS)
        if not done:
            self._connection = None
            self._abandoned.add(task)
            task.add_done_callback(self._forget)
            task.cancel()
            raise TimeoutError
        await task

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._abandoned.discard(task)
        if not task.cancelled():
            task.exception()  # seen, so that asyncio does not complain about it


def pending_columns(entries: list[Entry]) -> tuple[list[object], ...]:
    """What is stored of pending pushes, an array a column: id, time, source, kind, body."""
    return (
        [entry.uuid for entry in entries],
        [entry.received_at for entry in entries],
        [entry.source for entry in entries],
        [entry.kind for entry in entries],
        [entry.body for entry in entries],
    )
