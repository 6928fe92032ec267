"""An open batch whose writer runs, and a fallback that a test looks into."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import redis.asyncio

from ingest.batch.clients import acknowledging_client
from ingest.batch.entry import Entry
from ingest.batch.push_ids import PushIds
from ingest.web.open_batch import OpenBatch


class Stored:
    """A fallback that keeps what it is given."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.entries: list[Entry] = []
        self.failure = failure

    async def store(self, entries: list[Entry]) -> None:
        """Keep them, or fail as told."""
        if self.failure:
            raise self.failure
        self.entries += entries


@asynccontextmanager
async def running_batch(
    url: str, store: Callable[[list[Entry]], Awaitable[None]]
) -> AsyncIterator[tuple[OpenBatch, redis.asyncio.Redis]]:
    """An open batch whose writer runs, and its client; `store` is its fallback."""
    async with acknowledging_client(url) as client:
        batch = OpenBatch(client, PushIds(), store)
        writer = asyncio.create_task(batch.run())
        try:
            yield batch, client
        finally:
            writer.cancel()


def with_batch(
    url: str, work: Callable[[OpenBatch, redis.asyncio.Redis], Awaitable[Any]], fallback: Stored | None = None
) -> None:
    """Run `work` on an open batch whose writer runs."""

    async def run() -> None:
        async with running_batch(url, (fallback or Stored()).store) as (batch, client):
            await work(batch, client)

    asyncio.run(run())
