"""Pushes are written in groups: to the open batch in Redis, or to Postgres where Redis does not confirm in time.

Each request waits for its group, and learns whether that was stored.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable

import redis.asyncio

from ingest.batch.clients import ACKNOWLEDGE_TIMEOUT_SECONDS
from ingest.batch.entry import Entry
from ingest.batch.push_ids import PushIds
from ingest.errors import NowhereToStoreError, TooSlowError, describe
from ingest.web.batch_in_redis import MAX_BYTES, MAX_PUSHES, BatchInRedis

LEAST_FALLBACK_BYTES = 256 * 1024
"""Groups that are too slow for Postgres become smaller, but no smaller than this. A Postgres that cannot write so
much in time hardly works at all."""
REDIS_SECONDS = 0.5
LEAST_REDIS_SECONDS = 0.1
"""When Redis has to have a group: so long after its first push arrived, and never sooner than LEAST_REDIS_SECONDS after
the write began. So a push is answered within a second. It waits at most 0.45 s for the write or insert under way, then
for Redis, then for an insert. Pushes beyond the size of a batch wait for further groups."""
REDIS_REST_SECONDS = 1.0
"""After a failure pushes go straight to Postgres for so long: none waits for Redis in vain. Where Postgres refuses them
Redis is tried for LEAST_REDIS_SECONDS all the same, as perhaps only its connection was lost."""

_log = logging.getLogger("web.batches")

Waiting = tuple[Entry, asyncio.Future[bool], float]
"""A push, the future that says whether it was stored, and when the push came by the loop's clock"""


class Breaker:
    """It opens when Redis fails, and pushes go to Postgres until it closes. Times are by the loop's clock."""

    def __init__(self) -> None:
        self._open_until = 0.0
        self._times_opened = self._pushes_elsewhere = 0

    def is_open(self, now: float) -> bool:
        """Whether pushes go straight to Postgres."""
        return now < self._open_until

    def open(self, now: float) -> None:
        """Let Redis rest for a while."""
        self._open_until = now + REDIS_REST_SECONDS
        self._times_opened += 1

    def close(self) -> None:
        """Redis takes pushes again."""
        self._open_until = 0.0

    def note_elsewhere(self, pushes: int) -> None:
        """Count pushes that Postgres has stored."""
        self._pushes_elsewhere += pushes

    def take_counts(self) -> tuple[int, int]:
        """How often it has opened since the last time, and how many pushes Postgres has stored."""
        counts = self._times_opened, self._pushes_elsewhere
        self._times_opened = self._pushes_elsewhere = 0
        return counts


class OpenBatch:
    """Writes pushes in groups: those that arrive while one group is written make up the next.

    `fallback` stores a group in Postgres when Redis does not confirm it. A push may then be in both, under one id, and
    becomes one row.
    """

    def __init__(
        self, client: redis.asyncio.Redis, ids: PushIds, fallback: Callable[[list[Entry]], Awaitable[None]]
    ) -> None:
        self._batch = BatchInRedis(client, ids)
        self._fallback = fallback
        self._waiting: list[Waiting] = []
        self._arrival = asyncio.Event()
        self.breaker = Breaker()
        self._is_unanswered = False
        self._fallback_bytes = MAX_BYTES

    async def append(self, entry: Entry) -> None:
        """Return when the push is on disk; NowhereToStoreError when neither Redis nor Postgres took it."""
        stored: asyncio.Future[bool] = self._loop.create_future()
        self._waiting.append((entry, stored, self._loop.time()))
        self._arrival.set()
        # Not by an exception in the future: its traceback would keep the waiting frames in memory, with the bodies.
        if not await stored:
            raise NowhereToStoreError("neither Redis nor Postgres can store a push")

    @functools.cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        # Asked once: Python 3.11 makes a system call each time.
        return asyncio.get_running_loop()

    async def run(self) -> None:
        """Write group after group until cancelled: the one writer of this process."""
        while True:
            await self._arrival.wait()
            self._arrival.clear()
            while self._waiting:
                await self._store(self._next_group())

    def _next_group(self, max_bytes: int = MAX_BYTES) -> list[Waiting]:
        size = 0
        for number, (entry, _, _) in enumerate(self._waiting):
            size += entry.size
            if number == MAX_PUSHES or (number and size > max_bytes):
                group, self._waiting = self._waiting[:number], self._waiting[number:]
                return group
        group, self._waiting = self._waiting, []
        return group

    async def _store(self, group: list[Waiting]) -> None:
        are_stored = False
        try:
            if not await self._is_in_redis(group):
                # Pushes that came meanwhile join the group. As the next one they would wait for two inserts.
                self._waiting[:0] = group
                group = self._next_group(self._fallback_bytes)
                await self._store_elsewhere(_entries(group))
            are_stored = True
        except NowhereToStoreError:
            pass  # the fallback has said why
        except Exception as error:
            # Of any kind: if this loop ended, every later request would wait for ever.
            _log.critical("an append failed unexpectedly: %s", describe(error))
        for _, stored, _ in group:
            if not stored.done():  # else its request was cancelled
                stored.set_result(are_stored)

    async def _is_in_redis(self, group: list[Waiting]) -> bool:
        now = self._loop.time()
        if self.breaker.is_open(now):
            self._is_unanswered = False
            return False
        oldest_arrival = group[0][2]
        until = min(now + ACKNOWLEDGE_TIMEOUT_SECONDS, oldest_arrival + REDIS_SECONDS)
        return await self._write(_entries(group), max(until, now + LEAST_REDIS_SECONDS))

    async def _store_elsewhere(self, entries: list[Entry]) -> None:
        """Store in Postgres what Redis did not confirm; if Postgres refuses it, try Redis once more."""
        try:
            await self._fallback(entries)
            self.breaker.note_elsewhere(len(entries))
        except NowhereToStoreError as refusal:
            if isinstance(refusal, TooSlowError):
                # Until Redis is back groups stay that small: larger ones would be answered 503, one after the other.
                size = sum(entry.size for entry in entries)
                self._fallback_bytes = max(LEAST_FALLBACK_BYTES, size // 8)
            # Not where Redis has just not answered: the request may still reach it, behind the question what it has.
            if self._is_unanswered or not await self._write(entries, self._loop.time() + LEAST_REDIS_SECONDS):
                raise
            self.breaker.close()

    async def _write(self, entries: list[Entry], until: float) -> bool:
        try:
            # One time limit for all that the client may have to do: connect, greet, write, read, load a script.
            async with asyncio.timeout_at(until):
                await self._batch.append(entries)
        except Exception as error:
            # Of any kind: a client or an event loop may raise more than it documents, and Postgres is asked then.
            self._rest(error)
            return False
        self._fallback_bytes = MAX_BYTES
        return True

    def _rest(self, error: Exception) -> None:
        self._batch.leave()
        self._is_unanswered = isinstance(error, TimeoutError)
        self.breaker.open(self._loop.time())
        _log.error("Redis did not confirm a write (%s): pushes go to Postgres", describe(error))


def _entries(group: list[Waiting]) -> list[Entry]:
    return [entry for entry, _, _ in group]
