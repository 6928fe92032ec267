"""Counts: what this process has kept and how fast, added to Redis about once a second, so that one exporter sees all.

A push costs two places in lists here, and Redis a write a second. While Redis is away the counts wait.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from collections import Counter
from itertools import pairwise
from typing import NamedTuple

import msgspec
import redis.asyncio

from ingest.batch import keys
from ingest.batch.lease import holder
from ingest.web.open_batch import Breaker
from ingest.web.timed_protocol import TimedProtocol
from ingest.web.writing import Writer

REST_SECONDS = 5.0
"""A process that has kept nothing says at least so often that it lives."""
FORGET_SECONDS = 60.0

NOTE_LIFE = f"""
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1e6
redis.call('ZADD', KEYS[1], string.format('%.6f', now), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.6f', now - {FORGET_SECONDS}))
for place = 2, #ARGV, 2 do
  local known, pushed = tonumber(redis.call('HGET', KEYS[2], ARGV[place]) or 0), now - ARGV[place + 1]
  if pushed > known or known > now then
    redis.call('HSET', KEYS[2], ARGV[place], string.format('%.6f', pushed))
  end
end
"""
"""Note that a process lives, and when pushes last came; by Redis's clock, as those of hosts differ. A process that was
late does not take back what another one has noted. KEYS: web, last_push. ARGV: the process; for each source its name
and how many seconds ago its last push came."""


class WebProcess(msgspec.Struct, frozen=True):
    """How a web process is."""

    connections: int
    """Senders' connections"""
    is_breaker_open: bool
    """Whether its pushes go to Postgres, as Redis has failed"""


class _TakenCounts(NamedTuple):
    """Counts by key and field; when the last push of a source came, by the monotonic clock."""

    counts: Counter[tuple[str, str]]
    last_push: dict[str, float]


class Counts(Writer[_TakenCounts]):
    """Counts of one process, its breaker's among them."""

    what = "pushes"

    def __init__(self, client: redis.asyncio.Redis, breaker: Breaker) -> None:
        self._client = client
        self._breaker = breaker
        # Lists, as the many of a second are counted together for a fraction of what each would cost alone.
        self._kept: list[tuple[str, str, int]] = []
        self._seconds: list[float] = []
        self._waiting: Counter[tuple[str, str]] = Counter()
        """Counts that are still to be added, by key and field"""
        self._last_push: dict[str, float] = {}
        """When the last push of a source came, by the monotonic clock"""
        self._write_at = 0.0

    def note(self, source: str, kind: str, status: int, seconds: float) -> None:
        """Count a push that was kept, and the seconds that it took."""
        self._kept.append((source, kind, status))
        self._seconds.append(seconds)

    def _take(self) -> _TakenCounts | None:
        now = time.monotonic()
        self._gather(now)
        if not self._waiting and now < self._write_at:
            return None
        taken = _TakenCounts(self._waiting, self._last_push)
        self._waiting, self._last_push = Counter(), {}
        return taken

    def _put_back(self, taken: _TakenCounts) -> None:
        self._waiting.update(taken.counts)
        self._last_push = taken.last_push | self._last_push

    def _gather(self, now: float) -> None:
        """Count what came since the last time."""
        kept, self._kept = Counter(self._kept), []
        seconds, self._seconds = sorted(self._seconds), []
        opened, pushes = self._breaker.take_counts()
        self._last_push |= dict.fromkeys((source for source, _, _ in kept), now)
        counted = {(keys.KEPT, keys.kept_field(*one)): number for one, number in kept.items()}
        ends = [bisect_right(seconds, bound) for bound in keys.KEEP_BOUNDS]
        for place, (begin, end) in enumerate(pairwise([0, *ends, len(seconds)])):
            counted[keys.KEEP_SECONDS, str(place)] = end - begin
        counted[keys.KEEP_SECONDS, "microseconds"] = round(sum(seconds) * 1e6)
        counted[keys.BREAKER, "opened"], counted[keys.BREAKER, "pushes"] = opened, pushes
        self._waiting.update({name: number for name, number in counted.items() if number})

    async def _write(self, taken: _TakenCounts) -> None:
        process = holder()
        ages = [part for source, at in taken.last_push.items() for part in (source, time.monotonic() - at)]
        is_open = self._breaker.is_open(asyncio.get_running_loop().time())
        state = WebProcess(TimedProtocol.connection_count, is_open)
        async with self._client.pipeline(transaction=True) as pipeline:
            for (key, field), number in taken.counts.items():
                pipeline.hincrby(key, field, number)
            pipeline.set(keys.web(process), msgspec.json.encode(state), ex=keys.WEB_TTL_SECONDS)
            pipeline.eval(NOTE_LIFE, 2, keys.WEB, keys.LAST_PUSH, process, *ages)
            await pipeline.execute()
        self._write_at = time.monotonic() + REST_SECONDS
