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
    """What one append has sent: Redis has stored all of it, or nothing."""

    entries: list[Entry]
    first: bytes
    """The first of them, as it is stored"""
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
        self._last: _Write | None = None
        self._unconfirmed: list[_Write] = []

    async def append(self, entries: list[Entry]) -> None:
        """Return when Redis has the entries on disk. Raises what the client raises.

        Entries of a write whose answer was lost may come again: Redis is asked whether it has them, as it would count
        them twice.
        """
        if self._unconfirmed and not (entries := await self._not_there(entries)):
            return
        counts, encoded = _count(entries), [encode_entry(entry) for entry in entries]
        size = sum(map(len, encoded))
        fits = self._pushes + len(encoded) <= MAX_PUSHES and self._bytes + size <= MAX_BYTES
        self._last = _Write(entries, encoded[0], [self._batch_id] if self._batch_id and fits else [])
        if self._batch_id and fits and await self._join(self._batch_id, counts, encoded):
            self._pushes += len(encoded)
            self._bytes += size
        else:
            await self._open(counts, encoded, size)

    def leave(self) -> None:
        """Append nothing more to this batch, as after an error nobody knows whether it holds the last entries.

        A request that reaches Redis late could otherwise open a batch anew under the id of one that was taken.
        """
        self._batch_id = None
        if self._last:
            self._unconfirmed.append(self._last)
            self._last = None

    async def _not_there(self, entries: list[Entry]) -> list[Entry]:
        """Those of the entries that no unconfirmed write has brought to Redis."""
        for write in self._unconfirmed.copy():
            sent = {entry.push_id for entry in write.entries}
            if sent.isdisjoint([entry.push_id for entry in entries]):
                self._unconfirmed.remove(write)  # entries come in turn: all of these have their answer
            elif await self._is_there(write):
                entries = [entry for entry in entries if entry.push_id not in sent]
        return entries

    async def _is_there(self, write: _Write) -> bool:
        async with self._client.pipeline(transaction=False) as pipeline:
            for batch_id in write.batch_ids:
                # Open before taken: what is taken in between is seen. From the end, where it was appended.
                pipeline.lpos(keys.batch(batch_id), write.first, rank=-1)  # type: ignore[arg-type]
                pipeline.lpos(keys.taken(batch_id), write.first, rank=-1)  # type: ignore[arg-type]
            places = await pipeline.execute()
        return any(place is not None for place in places)

    async def _join(self, batch_id: str, counts: _Counts, encoded: list[bytes]) -> bool:
        """Append to the open batch; false when a worker has taken it meanwhile."""
        hours = [keys.acknowledged(hour) for hour, _ in counts]
        numbers = [word for (_, source), count in counts.items() for word in (source, str(count))]
        return bool(await self._join_script([keys.batch(batch_id), *hours], [*numbers, *encoded]))

    async def _open(self, counts: _Counts, encoded: list[bytes], size: int) -> None:
        push_id, now_us = self._ids.draw()
        batch_id = str(UUID(bytes=push_id))
        if self._last:
            self._last.batch_ids.append(batch_id)
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
