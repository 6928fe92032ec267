"""While Redis is away pushes go to Postgres as pending, one insert a group; the sweeper has them normalised later."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from contextlib import suppress
from typing import LiteralString

import psycopg
from psycopg.errors import InsufficientPrivilege, InvalidSchemaName, ReadOnlySqlTransaction, UndefinedTable

from ingest.batch.entry import Entry, pending_columns
from ingest.batch.push_ids import PushIds
from ingest.clocks import ClockReading
from ingest.errors import NowhereToStoreError, TooSlowError, describe
from ingest.web.spare_connection import AnyConnection, SpareConnection

TIMEOUT_SECONDS = 0.45
"""Time for one insert, connecting included. A push may wait for another insert and a try of Redis first, and is still
answered within a second."""
PAUSE_SECONDS = 0.05
"""How long the next group waits after a failure, so that a server that is starting is not flooded with tries"""
REPORT_SECONDS = 1.0
"""At most so often the log says that Postgres stores nothing"""

INSERT_PENDING: LiteralString = """
INSERT INTO airudder.pushes (push_id, received_at, source, kind, body, signature)
SELECT push_id, received_at, source, kind, body, signature
FROM unnest(%b::uuid[], %b::timestamptz[], %b::text[], %b::text[], %b::bytea[], %b::text[])
  AS entry (push_id, received_at, source, kind, body, signature)
ON CONFLICT (received_at, push_id) DO NOTHING
"""
"""The status is the table's default, pending: the role airudder_web has no right to set it."""
TELL_TIME: LiteralString = "SELECT pg_catalog.clock_timestamp()"

CANNOT_ANSWER = "does not answer"
_WHY = {
    ReadOnlySqlTransaction: "refuses writes: it is a standby, or read-only",
    InsufficientPrivilege: "refuses writes: the user lacks a right",
    UndefinedTable: "has no tables: run `ingest migrate`",
    InvalidSchemaName: "has no tables: run `ingest migrate`",
}
"""Meanings of refusals, in words from which a stranger learns nothing of use"""

_log = logging.getLogger("web.fallback")


class Fallback:
    """Stores pushes in Postgres. It connects when Redis fails, so that web starts and works without Postgres."""

    def __init__(self, database_url: str) -> None:
        self._connection = SpareConnection(database_url)
        self._failed_at = self._reported_at = -math.inf
        self._recovery: asyncio.Task[None] | None = None
        self._ids = PushIds()

    async def store(self, entries: list[Entry]) -> None:
        """Return when the pushes are committed as pending; TooSlowError or NowhereToStoreError otherwise."""
        if self._recovery and not self._recovery.done():
            raise NowhereToStoreError("neither Redis nor Postgres can store a push")
        try:
            await asyncio.sleep(max(0.0, self._failed_at + PAUSE_SECONDS - time.monotonic()))
            await self._connection.use(lambda connection: _insert(connection, entries), TIMEOUT_SECONDS)
        except Exception as error:  # of any kind: no push is stored
            self._note_failure(error)
            kind = TooSlowError if isinstance(error, TimeoutError) else NowhereToStoreError
            raise kind("neither Redis nor Postgres can store a push") from None

    async def probe(self) -> ClockReading:
        """Store a push as `store` does and take it back; return what the server's clock says.

        Raises psycopg.Error, TimeoutError, or UnicodeError for the name of a host that cannot be encoded.
        """
        readings: list[ClockReading] = []
        await self._connection.use(
            lambda connection: self._insert_in_vain(connection, readings), TIMEOUT_SECONDS, is_kept=False
        )
        return readings[-1]

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self._recovery:
            self._recovery.cancel()
        await self._connection.close()

    def _note_failure(self, error: Exception) -> None:
        self._failed_at = time.monotonic()
        if isinstance(error, TimeoutError):
            # Or each group would wait for a time-out in its turn. All are answered 503 at once until a row is stored.
            self._recovery = asyncio.create_task(self._try_to_store())
        if self._failed_at >= self._reported_at + REPORT_SECONDS:
            self._reported_at = self._failed_at
            _log.error("Postgres did not store a group of pushes: %s", describe(error))

    async def _try_to_store(self) -> None:
        with suppress(Exception):  # the next group will say so
            await self._connection.use(lambda connection: self._insert_in_vain(connection, []), TIMEOUT_SECONDS)

    async def _insert_in_vain(self, connection: AnyConnection, readings: list[ClockReading]) -> None:
        push_id, received_us = self._ids.draw()
        async with connection.transaction():
            # Only the inner part is taken back. The commit is real, with its fsync and its wait for a standby.
            async with connection.transaction(force_rollback=True):
                await _insert(connection, [Entry(push_id, received_us, "probe", "custom-api", b"{}")])
            asked = time.time()
            told = await (await connection.execute(TELL_TIME)).fetchone()
            assert told, "the statement gives one row"
            readings.append(ClockReading.since(asked, told[0].timestamp()))


def why_not(error: Exception) -> str:
    """Why Postgres took no push, in words that may be shown to anybody."""
    if isinstance(error, psycopg.Error) and error.sqlstate:
        return next((words for kind, words in _WHY.items() if isinstance(error, kind)), "refuses writes")
    return CANNOT_ANSWER


async def _insert(connection: AnyConnection, entries: list[Entry]) -> None:
    await connection.execute(INSERT_PENDING, pending_columns(entries))
