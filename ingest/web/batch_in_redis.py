"""The batch in Redis that this web process has open: a list that pushes are appended to until a worker renames it."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple
from uuid import UUID

import redis.asyncio

from ingest.batch import keys, queue
from ingest.batch.entry import Entry, encode_entry
from ingest.batch.push_ids import PushIds

MAX_PUSHES = 2000
MAX_BYTES = 4 * 1024 * 1024
"""A batch that has reached either bound gets no more pushes, and a new one is opened. In larger batches more pushes
share the cost of a job, a transaction and its statements, and each waits longer for the others. Two thousand take a
fifth of a second."""

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
"""Append to a batch if it is still open, and count what was appended: both or neither, as a script is one step.
KEYS: the batch; for each count the hour's hash. ARGV: for each count the source and the number; the entries."""

_Counts = Counter[tuple[str, str]]
"""How many entries, by hour and source"""


class _Write(NamedTuple):
    """A write whose answer was lost: Redis has stored all of it, or nothing."""

    push_ids: set[bytes]
    one: bytes
    """The shortest of its entries, as it is stored"""
    batch_ids: list[str]
    """The batch that was to be joined, the one that was to be opened, or both"""


class BatchInRedis:
    """Appends entries to the batch that is open, or opens another one where that is full or taken."""

    def __init__(self, client: redis.asyncio.Redis, ids: PushIds) -> None:
        self._client = client
        self._ids = ids
        self._join_script = client.register_script(JOIN)
        self._queue = queue.pipeline_only_queue()
        self._batch_id: str | None = None
        self._pushes = 0
        self._bytes = 0
        self._unconfirmed: list[_Write] = []

    async def append(self, entries: list[Entry]) -> None:
        """Return when Redis has the entries on disk. Raises what the client raises.

        Entries of a write whose answer was lost may come again. Redis is asked whether it has them, as it would count
        them twice.
        """
        if self._unconfirmed and not (entries := await self._not_there(entries)):
            return
        counts, encoded = _count(entries), [encode_entry(entry) for entry in entries]
        size = sum(map(len, encoded))
        fits = self._pushes + len(encoded) <= MAX_PUSHES and self._bytes + size <= MAX_BYTES
        tried: list[str] = []
        try:
            if self._batch_id and fits:
                tried.append(self._batch_id)
                if await self._join(self._batch_id, counts, encoded):
                    self._pushes += len(encoded)
                    self._bytes += size
                    return
            push_id, now_us = self._ids.draw()
            tried.append(str(UUID(bytes=push_id)))
            await self._open(tried[-1], now_us, counts, encoded, size)
        except BaseException:  # a time limit too, by which this is cancelled
            self._unconfirmed.append(_Write({one.push_id for one in entries}, min(encoded, key=len), tried))
            raise

    def leave(self) -> None:
        """Append nothing more to this batch, as after an error nobody knows whether it holds the last entries.

        A request that reaches Redis late could otherwise open a batch anew under the id of one that was taken.
        """
        self._batch_id = None

    async def _not_there(self, entries: list[Entry]) -> list[Entry]:
        """Those of the entries that no unconfirmed write has brought to Redis.

        A batch that a worker has settled since is not seen: its pushes are counted twice, and are one row each.
        """
        came = {entry.push_id for entry in entries}
        overlapping = [write for write in self._unconfirmed if not write.push_ids.isdisjoint(came)]
        if not overlapping:
            # The oldest entry that waits is always among them: all of those writes have their answers.
            self._unconfirmed.clear()
        for write in overlapping:
            if await self._is_there(write):
                entries = [entry for entry in entries if entry.push_id not in write.push_ids]
        return entries

    async def _is_there(self, write: _Write) -> bool:
        """Whether Redis has it. Raises what the client raises, also where Redis answers and would store nothing."""
        async with self._client.pipeline(transaction=False) as pipeline:
            # Of no key, so it changes nothing, and is refused where a write is: by a former primary, for one.
            pipeline.expire(keys.batch("none"), 1)
            for batch_id in write.batch_ids:
                # Open before taken: what is taken in between is seen. From the end, where it was appended.
                pipeline.lpos(keys.batch(batch_id), write.one, rank=-1)  # type: ignore[arg-type]
                pipeline.lpos(keys.taken(batch_id), write.one, rank=-1)  # type: ignore[arg-type]
            written, *places = await pipeline.execute(raise_on_error=False)
        if isinstance(written, Exception):
            raise written
        # A user who may not ask is told an error: their pushes are counted twice, and no less safe.
        return any(isinstance(place, int) for place in places)

    async def _join(self, batch_id: str, counts: _Counts, encoded: list[bytes]) -> bool:
        """Append to the open batch; false when a worker has taken it meanwhile."""
        hours = [keys.acknowledged(hour) for hour, _ in counts]
        numbers = [word for (_, source), count in counts.items() for word in (source, str(count))]
        return bool(await self._join_script([keys.batch(batch_id), *hours], [*numbers, *encoded]))

    async def _open(self, batch_id: str, now_us: int, counts: _Counts, encoded: list[bytes], size: int) -> None:
        async with self._client.pipeline(transaction=True) as pipeline:
            pipeline.rpush(keys.batch(batch_id), *encoded)
            queue.enqueue_batch(self._queue, batch_id, pipeline)
            pipeline.zadd(keys.BATCHES, {batch_id: now_us / 1e6})
            for (hour, source), count in counts.items():
                pipeline.hincrby(keys.acknowledged(hour), source, count)
                pipeline.expire(keys.acknowledged(hour), keys.ACKNOWLEDGED_TTL_SECONDS)
            await pipeline.execute()
        self._batch_id, self._pushes, self._bytes = batch_id, len(encoded), size


def _count(entries: list[Entry]) -> _Counts:
    return Counter((entry.hour, entry.source) for entry in entries)
