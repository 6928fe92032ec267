"""A web process ends when it is told to, whatever it is writing, and what it writes then is written once."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis.asyncio

from ingest.batch import keys
from ingest.batch.clients import aside_client
from ingest.web import writing
from ingest.web.app import end_loops
from ingest.web.counts import Counts
from ingest.web.open_batch import Breaker
from ingest.web.refusals import Refusals

TIMES = 200
SECONDS = 30.0

Client = redis.asyncio.Redis
Work = Callable[[Client], Awaitable[None]]


def some_times(url: str, work: Work) -> None:
    """Do the work so often, on one client."""

    async def run() -> None:
        async with aside_client(url) as client:
            for _ in range(TIMES):
                await work(client)

    asyncio.run(run())


async def stop_soon(loop: asyncio.Task[None], chance: random.Random) -> None:
    """End the loop at any moment of its work."""
    for _ in range(chance.randrange(1, 40)):
        await asyncio.sleep(0)
    async with asyncio.timeout(SECONDS):
        await end_loops([loop])
    assert loop.done()


# The connection of a write that was cut off is nobody's, and goes with a process that ends.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_write_holds_up_no_end(redis_url: str) -> None:
    """On Python 3.11 a good part of the cancellations that come while redis-py writes are lost."""
    chance = random.Random(7)

    async def write_all_the_time(client: Client) -> None:
        while True:
            await client.ping()
            await asyncio.sleep(0)

    async def start_and_stop(client: Client) -> None:
        await stop_soon(asyncio.create_task(write_all_the_time(client)), chance)

    some_times(redis_url, start_and_stop)
    gc.collect()


def test_counts_are_written_once(redis_url: str, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that is under way comes to its end: cut off, it may be done, and the last write would do it again."""
    monkeypatch.setattr(writing, "FLUSH_SECONDS", 0)
    chance = random.Random(7)

    async def count_and_stop(web: Client) -> None:
        kept, refused = Counts(web, Breaker()), Refusals(web)
        kept.note("shop", "custom-api", 200, 0.1)
        refused.note("wrong method", "shop")
        for writer in (kept, refused):
            await stop_soon(asyncio.create_task(writer.run()), chance)
            await writer.flush()

    some_times(redis_url, count_and_stop)

    assert [sum(map(int, client.hvals(key))) for key in (keys.KEPT, keys.REFUSED)] == [TIMES, TIMES]
