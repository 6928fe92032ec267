"""Web's counts while Redis is away, and of what its breaker does; what is shown of them is in test_metrics."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from ingest.batch import keys
from ingest.batch.clients import acknowledging_client, aside_client
from ingest.batch.lease import holder
from ingest.batch.push_ids import PushIds
from ingest.web.counts import BOUNDS, Counts, WebProcess
from ingest.web.open_batch import Breaker, OpenBatch
from tests.open_batches import Stored
from tests.pushes import entry, push

AWAY = "redis://127.0.0.1:1/0"


def test_redis_away_forgets_none(redis_url: str, client: Any) -> None:
    """What could not be added is added later, once."""

    async def scenario() -> None:
        away, there = aside_client(AWAY), aside_client(redis_url)
        counts = Counts(away, Breaker())
        counts.note("shop", "custom-api", 200, 0.002)
        await counts.flush()
        counts.note("shop", "custom-api", 200, 0.3)
        await counts.flush()
        counts._client = there
        counts.note("shop", "custom-api", 422, 1000.0)
        for _ in range(2):
            await counts.flush()
        await away.aclose()
        await there.aclose()

    asyncio.run(scenario())

    assert client.hgetall(keys.KEPT) == {
        keys.kept_field("shop", "custom-api", 200).encode(): b"2",
        keys.kept_field("shop", "custom-api", 422).encode(): b"1",
    }
    took = {field.decode(): int(value) for field, value in client.hgetall(keys.KEEP_SECONDS).items()}
    places = [next(place for place, bound in enumerate(BOUNDS) if seconds <= bound) for seconds in (0.002, 0.3)]
    assert took == {**{str(place): 1 for place in (*places, len(BOUNDS))}, "microseconds": 1_000_302_000}
    assert client.hkeys(keys.LAST_PUSH) == [b"shop"]


def test_breaker_is_seen(redis_url: str, client: Any) -> None:
    """A push that goes to Postgres for want of Redis is counted, and the breaker is open for a while."""

    async def scenario() -> None:
        away, there = acknowledging_client(AWAY), aside_client(redis_url)
        batch = OpenBatch(away, PushIds(), Stored().store)
        writer = asyncio.create_task(batch.run())
        await batch.append(entry(push()))
        await Counts(there, batch.breaker).flush()
        writer.cancel()
        await away.aclose()
        await there.aclose()

    asyncio.run(scenario())

    assert client.hgetall(keys.BREAKER) == {b"opened": b"1", b"pushes": b"1"}
    assert msgspec.json.decode(client.get(keys.web(holder())), type=WebProcess).is_breaker_open
    assert client.zrange(keys.WEB, 0, -1) == [holder().encode()]
