"""Redis is away: pushes go to Postgres as pending, one insert a group; the sweeper feeds them to the normaliser."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, LiteralString

import psycopg
from psycopg import AsyncConnection
from psycopg.errors import InsufficientPrivilege, InvalidSchemaName, ReadOnlySqlTransaction, UndefinedTable

from ingest import session
from ingest.batch.entry import Entry, pending_columns
from ingest.batch.push_ids import PushIds
from ingest.clocks import Reading
from ingest.errors import NowhereToStoreError, TooSlowError, describe
from ingest.urls import connection_options, each_host

TIMEOUT_SECONDS = 0.45
"""Time for one insert, connecting included. Behind another one and a try of Redis, an answer is out within a second."""
SPARE_SECONDS = 0.2
"""Of it, how long the spare connection is alone at it: one whose other end is gone may be silent."""
HOST_SECONDS = 0.05
"""Of it, how long each of several hosts is alone at it before the next one is tried too: one may be silent."""
PAUSE_SECONDS = 0.05
"""After a refusal the next group waits for so long before it tries: a server that is starting is not stormed."""
REPORT_SECONDS = 1.0
"""How often the log says that Postgres stores nothing."""

INSERT_PENDING: LiteralString = """
INSERT INTO airudder.pushes (push_id, received_at, source, kind, body, signature)
SELECT push_id, received_at, source, kind, body, signature
FROM unnest(%b::uuid[], %b::timestamptz[], %b::text[], %b::text[], %b::bytea[], %b::text[])
  AS entry (push_id, received_at, source, kind, body, signature)
ON CONFLICT (received_at, push_id) DO NOTHING
"""
"""Without a status, which the role airudder_web may not name: pending is the table's default."""
TELL_TIME: LiteralString = "SELECT pg_catalog.clock_timestamp()"

CANNOT_ANSWER = "does not answer"
_WHY = {
    ReadOnlySqlTransaction: "refuses writes: it is a standby, or read-only",
    InsufficientPrivilege: "refuses writes: the user lacks a right",
    UndefinedTable: "has no tables: run `ingest migrate`",
    InvalidSchemaName: "has no tables: run `ingest migrate`",
}
"""What a refusal means, in words that help a stranger to nothing"""

_log = logging.getLogger(__name__)

_Connection = AsyncConnection[Any]
_Work = Callable[[_Connection], Awaitable[None]]


class Fallback:
    """Stores pushes in Postgres; connects only when it is needed, so acknowledgements never depend on Postgres.

    Keeps the connection that stored something to spare. Who finds none, or one that fails, has a fresh one.
    """

    def __init__(self, database_url: str) -> None:
        self._urls = each_host(database_url)
        self._options = connection_options(database_url)
        self._spare: _Connection | None = None
        self._failed_at = self._reported_at = -math.inf
        self._recovery: asyncio.Task[None] | None = None
        self._abandoned: set[asyncio.Task[None]] = set()
        self._ids = PushIds()

    async def store(self, entries: list[Entry]) -> None:
        """Return when the pushes are committed as pending; TooSlowError or NowhereToStoreError otherwise."""
        if self._recovery and not self._recovery.done():
            raise NowhereToStoreError("neither Redis nor Postgres can store a push")
        try:
            await asyncio.sleep(max(0.0, self._failed_at + PAUSE_SECONDS - time.monotonic()))
            await self._on_connection(lambda connection: _insert(connection, entries))
        except Exception as error:  # whatever it was, no push is stored
            self._note_failure(error)
            kind = TooSlowError if isinstance(error, TimeoutError) else NowhereToStoreError
            raise kind("neither Redis nor Postgres can store a push") from None

    async def probe(self) -> Reading:
        """Store a push as `store` does, and take it back; the server's clock. Otherwise what psycopg raises, or Python,
        which cannot encode each host's name."""
        readings: list[Reading] = []
        await self._on_connection(lambda connection: self._insert_in_vain(connection, readings), is_kept=False)
        return readings[-1]

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self._recovery:
            self._recovery.cancel()
        if self._spare:
            await self._spare.close()

    def _note_failure(self, error: Exception) -> None:
        self._failed_at = time.monotonic()
        if isinstance(error, TimeoutError):
            # Each group would wait as long, one after the other: until a row can be stored all hear 503 at once.
            self._recovery = asyncio.create_task(self._try_to_store())
        if self._failed_at >= self._reported_at + REPORT_SECONDS:
            self._reported_at = self._failed_at
            _log.error("Postgres did not store a group of pushes: %s", describe(error))

    async def _try_to_store(self) -> None:
        with suppress(Exception):  # the next group will say so
            await self._on_connection(lambda connection: self._insert_in_vain(connection, []))

    async def _insert_in_vain(self, connection: _Connection, readings: list[Reading]) -> None:
        push_id, received_us = self._ids.draw()
        async with connection.transaction():
            # Taken back alone: the commit is real, with its fsync and its wait for a standby, if there is one.
            async with connection.transaction(force_rollback=True):
                await _insert(connection, [Entry(push_id, received_us, "probe", "custom-api", b"{}")])
            asked = time.time()
            told = await (await connection.execute(TELL_TIME)).fetchone()
            assert told, "the statement gives one row"
            readings.append(Reading.since(asked, told[0].timestamp()))

    async def _on_connection(self, work: _Work, *, is_kept: bool = True) -> None:
        """Do a piece of work that may be done twice, within TIMEOUT_SECONDS. A failure of the spare connection is
        nobody's fault: the server may end a session that was idle, or have been another since. `is_kept`: whether a
        fresh one is to spare afterwards."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        spare, self._spare = self._spare, None
        under_way: set[asyncio.Task[None]] = set()
        try:
            if spare:
                under_way.add(asyncio.create_task(self._use(spare, work, is_kept=True)))
                if await _failure(under_way, time.monotonic() + SPARE_SECONDS) is None:
                    return
            await self._try_hosts(under_way, deadline, work, is_kept)
        finally:
            self._abandon(under_way)

    async def _try_hosts(self, under_way: set[asyncio.Task[None]], deadline: float, work: _Work, is_kept: bool) -> None:
        """Do it on a fresh connection to one of the hosts, beside what is under way, if that is only slow."""
        failures: list[BaseException] = []
        for place, url in enumerate(self._urls, 1):
            under_way.add(asyncio.create_task(self._connect_and_use(url, work, is_kept)))
            until = deadline if place == len(self._urls) else min(deadline, time.monotonic() + HOST_SECONDS)
            failure = await _failure(under_way, until)
            if failure is None:
                return
            failures.append(failure)
        # The word of the server that would take writes, rather than that another one is a standby.
        raise max(failures, key=lambda failure: bool(getattr(failure, "sqlstate", None)))

    async def _connect_and_use(self, url: str, work: _Work, is_kept: bool) -> None:
        connection = await AsyncConnection.connect(url, connect_timeout=2, **self._options)
        set_up = session.set_up(session.WEB, connection.info.server_version)

        async def set_up_and_work(connection: _Connection) -> None:
            await connection.execute(set_up)
            await work(connection)

        await self._use(connection, set_up_and_work, is_kept)

    async def _use(self, connection: _Connection, work: _Work, is_kept: bool) -> None:
        try:
            await work(connection)
        except BaseException:
            await connection.close()
            raise
        if is_kept and not self._spare:
            self._spare = connection
        else:
            await connection.close()

    def _abandon(self, tasks: set[asyncio.Task[None]]) -> None:
        # psycopg answers a cancellation only after the server has: from a frozen server that would be never. So a
        # late task is left to itself, together with its connection.
        for task in tasks:
            self._abandoned.add(task)
            task.add_done_callback(self._forget)
            task.cancel()

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._abandoned.discard(task)
        if not task.cancelled():
            task.exception()  # seen, so that asyncio does not complain about it


async def _failure(under_way: set[asyncio.Task[None]], deadline: float) -> BaseException | None:
    """None as soon as one of the tasks has succeeded; else what the last of them raised, or TimeoutError. Those that
    are done are taken out of the set."""
    failure: BaseException = TimeoutError()
    while under_way:
        left = max(0.0, deadline - time.monotonic())
        done, _ = await asyncio.wait(under_way, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        under_way -= done
        for task in done:
            raised = task.exception()
            if raised is None:
                return None
            failure = raised
        if not done:
            return TimeoutError()
    return failure


def why_not(error: Exception) -> str:
    """Why Postgres took no push, in words that may be shown to anybody."""
    if isinstance(error, psycopg.Error) and error.sqlstate:
        return next((words for kind, words in _WHY.items() if isinstance(error, kind)), "refuses writes")
    return CANNOT_ANSWER


async def _insert(connection: _Connection, entries: list[Entry]) -> None:
    await connection.execute(INSERT_PENDING, pending_columns(entries))
