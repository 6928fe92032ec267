"""The batch in Redis that this web process has open: a list that pushes are appended to until a worker renames it."""

from __future__ import annotations

from collections import Counter
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

    async def append(self, entries: list[Entry]) -> None:
        """Return when Redis has the entries on disk. Raises what the client raises."""
        counts, encoded = _count(entries), [encode_entry(entry) for entry in entries]
        size = sum(map(len, encoded))
        fits = self._pushes + len(encoded) <= MAX_PUSHES and self._bytes + size <= MAX_BYTES
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


def _count(entries: list[Entry]) -> _Counts:
    return Counter((entry.hour, entry.source) for entry in entries)
