"""A connection to Postgres that is opened only when it is needed, and kept until it is needed again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from psycopg import AsyncConnection

from ingest import session
from ingest.urls import connection_options, each_host

SPARE_SECONDS = 0.2
"""How long only the spare connection is tried; after that a fresh one is tried beside it. Where the network has dropped
a connection, no error tells so."""
HOST_SECONDS = 0.05
"""How long only one host is tried, where there are several; after that the next one is tried beside it. A host that is
down may not answer at all."""

AnyConnection = AsyncConnection[Any]
Work = Callable[[AnyConnection], Awaitable[None]]


class SpareConnection:
    """One connection to spare: the last one that did its work. If it is in use, or none is there, another is opened."""

    def __init__(self, database_url: str) -> None:
        self._urls = each_host(database_url)
        self._options = connection_options(database_url)
        self._spare: AnyConnection | None = None
        self._abandoned: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self._spare:
            await self._spare.close()

    async def use(self, work: Work, seconds: float, *, is_kept: bool = True) -> None:
        """Do a piece of work on a connection within so many seconds.

        The work has to be such that it may be done twice. Where the spare connection fails, a fresh one is tried, as
        the server may have ended an idle session. `is_kept`: whether a fresh connection is kept as the spare one.
        Raises what the work raised, what psycopg raises, or TimeoutError.
        """
        deadline = time.monotonic() + seconds
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

    async def _try_hosts(self, under_way: set[asyncio.Task[None]], deadline: float, work: Work, is_kept: bool) -> None:
        """Do it on a fresh connection to one of the hosts. Earlier tries go on beside it, as they may be only slow."""
        failures: list[BaseException] = []
        for place, url in enumerate(self._urls, 1):
            under_way.add(asyncio.create_task(self._connect_and_use(url, work, is_kept)))
            until = deadline if place == len(self._urls) else min(deadline, time.monotonic() + HOST_SECONDS)
            failure = await _failure(under_way, until)
            if failure is None:
                return
            failures.append(failure)
        # An SQLSTATE is what a server answered: that says more than a host that could not be reached.
        raise max(failures, key=lambda failure: bool(getattr(failure, "sqlstate", None)))

    async def _connect_and_use(self, url: str, work: Work, is_kept: bool) -> None:
        connection = await AsyncConnection.connect(url, connect_timeout=2, **self._options)
        set_up = session.set_up(session.WEB, connection.info.server_version)

        async def set_up_and_work(connection: AnyConnection) -> None:
            await connection.execute(set_up)
            await work(connection)

        await self._use(connection, set_up_and_work, is_kept)

    async def _use(self, connection: AnyConnection, work: Work, is_kept: bool) -> None:
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
        # psycopg ends a cancelled task only when the server answers, and a frozen server never does. So nobody waits
        # for a task that is late: it keeps its connection until it ends.
        for task in tasks:
            self._abandoned.add(task)
            task.add_done_callback(self._forget)
            task.cancel()

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._abandoned.discard(task)
        if not task.cancelled():
            task.exception()  # read, or asyncio would log that nobody has read it


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
