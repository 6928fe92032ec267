"""The open batch: pushes join it until a worker takes it; whoever appended learns when Redis has it on disk."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from uuid import UUID

import redis.asyncio

from ingest.batch import keys, queue
from ingest.batch.clients import ACKNOWLEDGE_TIMEOUT_SECONDS
from ingest.batch.entry import Entry, encode_entry
from ingest.batch.push_ids import PushIds
from ingest.errors import NowhereToStoreError, TooSlowError, describe

MAX_PUSHES = 2000
MAX_BYTES = 4 * 1024 * 1024
"""A batch that has reached either bound is left alone, and a new one opened. Larger batches share the cost of a job, a
transaction and its statements among more pushes, and let a push wait longer for its batch-mates: two thousand take a
fifth of a second."""
LEAST_FALLBACK_BYTES = 256 * 1024
"""How small a group becomes that is too slow for Postgres, which writes a quarter of a MiB in time or hardly works."""
REDIS_SECONDS = 0.5
LEAST_REDIS_SECONDS = 0.1
"""How long after a group's first push arrived Redis has to have it, and how long Redis has in any case. So a push is
answered within a second: it waits for the write to Redis or the insert that is under way, 0.45 s at most; then come
these, and an insert. What is more than a batch holds waits for further turns."""
REDIS_REST_SECONDS = 1.0
"""After a failure Redis is left alone for this long: pushes go straight to Postgres, and none waits in vain. Where
Postgres refuses them, Redis is asked all the same, for LEAST_REDIS_SECONDS: only its connection may have been lost."""

JOIN = f"""
local entries = 2 * #KEYS - 1
if redis.call('RPUSHX', KEYS[1], unpack(ARGV, entries)) == 0 then
  return 0
end
for place = 2, #KEYS do
  local source, count = ARGV[2 * place - 3], ARGV[2 * place - 2]
  if redis.call('HINCRBY', KEYS[place], source, count) == tonumber(count) then
    redis.call('EXPIRE', KEYS[place], {keys.ACKNOWLEDGED_TTL_SECONDS})
  end
end
return 1
"""
"""Append to a batch if it is still open, and count what was appended: both or neither, whatever happens to us.
KEYS: the batch; for each count the hour's hash. ARGV: for each count the source and the number; the entries."""

_log = logging.getLogger(__name__)

Waiting = tuple[Entry, asyncio.Future[bool], float]
"""A push, whether it was stored, and when it came by the loop's clock"""
_Counts = Counter[tuple[str, str]]
"""How many entries, by hour and source"""


class OpenBatch:
    """Appends pushes in groups: while one Redis write is under way, the next arrivals gather.

    A worker takes a batch by renaming its list, so an append that finds no list opens a new batch. `fallback` stores
    a group in Postgres when Redis does not confirm it; a push that both may hold is one row, by its id.
    """

    def __init__(
        self, client: redis.asyncio.Redis, ids: PushIds, fallback: Callable[[list[Entry]], Awaitable[None]]
    ) -> None:
        self._client = client
        self._ids = ids
        self._fallback = fallback
        self._join_script = client.register_script(JOIN)
        self._queue = queue.pipeline_only_queue()
        self._batch_id: str | None = None
        self._pushes = 0
        self._bytes = 0
        self._waiting: list[Waiting] = []
        self._arrival = asyncio.Event()
        self._redis_rests_until = 0.0
        self._is_unanswered = False
        self._fallback_bytes = MAX_BYTES

    async def append(self, entry: Entry) -> None:
        """Return when the push is on disk; NowhereToStoreError when neither Redis nor Postgres took it."""
        stored: asyncio.Future[bool] = self._loop.create_future()
        self._waiting.append((entry, stored, self._loop.time()))
        self._arrival.set()
        # An exception in the future would hold the frames, and so the bodies, that wait for it.
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
                await self._settle(self._next_group())

    def _next_group(self, max_bytes: int = MAX_BYTES) -> list[Waiting]:
        size = 0
        for number, (entry, _, _) in enumerate(self._waiting):
            size += len(entry.body)
            if number == MAX_PUSHES or (number and size > max_bytes):
                group, self._waiting = self._waiting[:number], self._waiting[number:]
                return group
        group, self._waiting = self._waiting, []
        return group

    async def _settle(self, group: list[Waiting]) -> None:
        are_stored = False
        try:
            if not await self._is_in_redis(group):
                # Who came meanwhile goes along: behind this group they would wait for Postgres twice.
                self._waiting[:0] = group
                group = self._next_group(self._fallback_bytes)
                await self._store_elsewhere(_entries(group))
            are_stored = True
        except NowhereToStoreError:
            pass  # the fallback has said why
        except Exception as error:
            # Whatever it was, this loop must live, or every later request would wait for ever.
            _log.critical("an append failed unexpectedly: %s", describe(error))
        for _, stored, _ in group:
            if not stored.done():  # else its request was cancelled
                stored.set_result(are_stored)

    async def _is_in_redis(self, group: list[Waiting]) -> bool:
        now = self._loop.time()
        if now < self._redis_rests_until:
            self._is_unanswered = False
            return False
        oldest_arrival = group[0][2]
        until = min(now + ACKNOWLEDGE_TIMEOUT_SECONDS, oldest_arrival + REDIS_SECONDS)
        return await self._write(_entries(group), max(until, now + LEAST_REDIS_SECONDS))

    async def _store_elsewhere(self, entries: list[Entry]) -> None:
        """Store in Postgres what Redis did not confirm; if that refuses it, in Redis after all."""
        try:
            await self._fallback(entries)
        except NowhereToStoreError as refusal:
            if isinstance(refusal, TooSlowError):
                # Until Redis is back, as each larger one would hear 503 in its turn.
                size = sum(len(entry.body) for entry in entries)
                self._fallback_bytes = max(LEAST_FALLBACK_BYTES, size // 8)
            # Not what Redis has just left unanswered: it may hold that, and would count it twice.
            if self._is_unanswered or not await self._write(entries, self._loop.time() + LEAST_REDIS_SECONDS):
                raise
            self._redis_rests_until = 0.0

    async def _write(self, entries: list[Entry], until: float) -> bool:
        try:
            # One bound around all that the client may have to do: connect, greet, write, read, load a script.
            async with asyncio.timeout_at(until):
                await self._append_to_redis(_count(entries), [encode_entry(entry) for entry in entries])
        except Exception as error:
            # Whatever it was, as a client or an event loop may raise more than it documents: Postgres is asked.
            self._rest(error)
            return False
        self._fallback_bytes = MAX_BYTES
        return True

    async def _append_to_redis(self, counts: _Counts, encoded: list[bytes]) -> None:
        size = sum(map(len, encoded))
        fits = self._pushes + len(encoded) <= MAX_PUSHES and self._bytes + size <= MAX_BYTES
        if self._batch_id and fits and await self._join(self._batch_id, counts, encoded):
            self._pushes += len(encoded)
            self._bytes += size
        else:
            await self._open(counts, encoded, size)

    async def _join(self, batch_id: str, counts: _Counts, encoded: list[bytes]) -> bool:
        """Append to the open batch; false when a worker has taken it meanwhile."""
        hours = [keys.acknowledged(hour) for hour, _ in counts]
        numbers = [word for (_, source), count in counts.items() for word in (source, str(count))]
        return bool(await self._join_script([keys.batch(batch_id), *hours], [*numbers, *encoded]))

    async def _open(self, counts: _Counts, encoded: list[bytes], size: int) -> None:
        push_id, now_us = self._ids.draw()
        batch_id = str(UUID(bytes=push_id))
        async with self._client.pipeline(transaction=True) as pipeline:
            pipeline.rpush(keys.batch(batch_id), *encoded)
            queue.enqueue_batch(self._queue, batch_id, pipeline)
            pipeline.zadd(keys.BATCHES, {batch_id: now_us / 1e6})
            for (hour, source), count in counts.items():
                pipeline.hincrby(keys.acknowledged(hour), source, count)
                pipeline.expire(keys.acknowledged(hour), keys.ACKNOWLEDGED_TTL_SECONDS)
            await pipeline.execute()
        self._batch_id, self._pushes, self._bytes = batch_id, len(encoded), size

    def _rest(self, error: Exception) -> None:
        # The batch may or may not hold the group now: a batch id is never used again after an error, or a late
        # repetition could open a batch anew under the id of one that was taken.
        self._batch_id = None
        self._is_unanswered = isinstance(error, TimeoutError)
        self._redis_rests_until = self._loop.time() + REDIS_REST_SECONDS
        _log.error("Redis did not confirm a write (%s): pushes go to Postgres", describe(error))


def _entries(group: list[Waiting]) -> list[Entry]:
    return [entry for entry, _, _ in group]


def _count(entries: list[Entry]) -> _Counts:
    return Counter((entry.hour, entry.source) for entry in entries)
