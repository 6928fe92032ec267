"""Counts what is refused and not kept, by reason; gathered here and written to Redis about once a second."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

import redis.asyncio
from redis.exceptions import RedisError

from ingest import keys
from ingest.errors import describe

FLUSH_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Refusals:
    """A flood of refused requests costs Redis one write a second."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._client = client
        self._counts: Counter[str] = Counter()

    def count(self, reason: str) -> None:
        """Note one refused request; reasons are a handful of fixed words."""
        self._counts[reason] += 1

    async def run(self) -> None:
        """Write the counts out once a second until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
            except Exception as error:
                # Whatever it was, pushes must not stop for want of a counter.
                _log.critical("counting refused requests failed unexpectedly: %s", describe(error))

    async def flush(self) -> None:
        """Add the counts to Redis; while it is away they are kept here."""
        counts, self._counts = self._counts, Counter()
        if not counts:
            return
        try:
            async with self._client.pipeline(transaction=True) as pipeline:
                for reason, number in counts.items():
                    pipeline.hincrby(keys.REFUSED, reason, number)
                await pipeline.execute()
        except (RedisError, OSError) as error:
            self._counts.update(counts)
            _log.warning("the counts of refused requests wait for Redis (%s)", type(error).__name__)
