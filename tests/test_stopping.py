"""A web process ends when it is told to, whatever it is writing."""

from __future__ import annotations

import asyncio
import gc
import random

import pytest

from ingest.batch.clients import aside_client
from ingest.web import counts
from ingest.web.app import end_loops
from ingest.web.counts import Counts
from ingest.web.open_batch import Breaker

TIMES = 200
SECONDS = 30.0


# The connection of a write that was cut off is nobody's, and goes with a process that ends.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_write_holds_up_no_end(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Python 3.11 a good part of the cancellations that come while redis-py writes are lost."""
    monkeypatch.setattr(counts, "FLUSH_SECONDS", 0)
    monkeypatch.setattr(counts, "REST_SECONDS", -SECONDS)
    chance = random.Random(7)

    async def start_and_stop() -> None:
        async with aside_client(redis_url) as client:
            for _ in range(TIMES):
                loop = asyncio.create_task(Counts(client, Breaker()).run())
                for _ in range(chance.randrange(1, 40)):
                    await asyncio.sleep(0)
                async with asyncio.timeout(SECONDS):
                    await end_loops([loop])

    asyncio.run(start_and_stop())
    gc.collect()
