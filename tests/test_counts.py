"""Web's counts while Redis is away, and of what its breaker does; what is shown of them is in test_metrics."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec
import pytest

from ingest.batch import keys
from ingest.batch.clients import acknowledging_client, aside_client
from ingest.batch.lease import holder
from ingest.batch.push_ids import PushIds
from ingest.web import writing
from ingest.web.counts import Counts, WebProcess
from ingest.web.open_batch import Breaker, OpenBatch
from ingest.web.writing import Writer
from ops.metrics import in_redis
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
    places = [
        next(place for place, bound in enumerate(keys.KEEP_BOUNDS) if seconds <= bound) for seconds in (0.002, 0.3)
    ]
    assert took == {**{str(place): 1 for place in (*places, len(keys.KEEP_BOUNDS))}, "microseconds": 1_000_302_000}
    assert client.hkeys(keys.LAST_PUSH) == [b"shop"]


def test_clocks_of_hosts_do_not_count(redis_url: str, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host's clock may be an hour away from Redis's: its process lives, and its pushes came when they came."""
    for hours in (-1, 1):
        client.flushdb()
        with monkeypatch.context() as patch:
            wrong = time.time() + hours * 3600
            patch.setattr(time, "time", lambda wrong=wrong: wrong)
            flush(redis_url, "shop")
            assert in_redis.read(client)["ingest_web_processes"] == {(): 1}
        assert in_redis.read(client)["ingest_web_processes"] == {(): 1}
        assert abs(last_push(client) - time.time()) < 60


def test_last_push_is_not_taken_back(redis_url: str, client: Any) -> None:
    """A process that could not write for a while does not undo what another has written since. A future is undone."""
    (seconds, _) = client.time()
    client.hset(keys.LAST_PUSH, "shop", seconds - 5)

    flush(redis_url, "shop", seconds_late=10.0)
    assert last_push(client) == seconds - 5
    flush(redis_url, "shop")
    assert seconds <= last_push(client) < seconds + 60

    client.hset(keys.LAST_PUSH, "shop", seconds + 9000)
    flush(redis_url, "shop", seconds_late=10.0)
    assert seconds - 10 <= last_push(client) < seconds + 50


def flush(redis_url: str, source: str, seconds_late: float = 0.0) -> None:
    """What a process writes that has kept one push, so long ago."""

    async def scenario() -> None:
        there = aside_client(redis_url)
        counts = Counts(there, Breaker())
        counts.note(source, "custom-api", 200, 0.002)
        counts._gather(time.monotonic() - seconds_late)
        await counts.flush()
        await there.aclose()

    asyncio.run(scenario())


def last_push(client: Any) -> float:
    """When the one source last pushed."""
    return float(client.hget(keys.LAST_PUSH, "shop"))


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


class Failing(Writer[int]):
    """Has one thing to write, and fails at it once in a way that nobody foresaw."""

    what = "trials"

    def __init__(self) -> None:
        self.waiting: list[int] = [1]
        self.tries = 0
        self.written = asyncio.Event()

    def _take(self) -> int | None:
        return self.waiting.pop() if self.waiting else None

    def _put_back(self, taken: int) -> None:
        self.waiting.append(taken)

    async def _write(self, taken: int) -> None:
        self.tries += 1
        if self.tries == 1:
            raise RuntimeError("a secret")
        self.written.set()


def test_failure_that_nobody_foresaw_ends_no_writer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged without its text, and what was to be written is written the next time."""
    monkeypatch.setattr(writing, "FLUSH_SECONDS", 0)

    async def scenario() -> None:
        writer = Failing()
        running = asyncio.create_task(writer.run())
        await asyncio.wait_for(writer.written.wait(), 10)
        running.cancel()

    asyncio.run(scenario())

    assert "counting trials failed unexpectedly: RuntimeError" in caplog.text
    assert "a secret" not in caplog.text
