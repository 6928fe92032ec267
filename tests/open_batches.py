"""An open batch whose writer runs, and a fallback that a test looks into."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
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


def with_batch(
    url: str, work: Callable[[OpenBatch, redis.asyncio.Redis], Awaitable[Any]], fallback: Stored | None = None
) -> None:
    """Run `work` on an open batch whose writer runs."""

    async def run() -> None:
        client = acknowledging_client(url)
        batch = OpenBatch(client, PushIds(), (fallback or Stored()).store)
        writer = asyncio.create_task(batch.run())
        try:
            await work(batch, client)
        finally:
            writer.cancel()
            await client.aclose()

    asyncio.run(run())
