"""The open batch while Redis is away, full, slow or frozen, and the fallback behind it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis.asyncio

from ingest.batch import keys
from ingest.batch.clients import ACKNOWLEDGE_TIMEOUT_SECONDS
from ingest.batch.entry import Entry
from ingest.errors import NowhereToStoreError, TooSlowError
from ingest.web import open_batch
from ingest.web.batch_in_redis import MAX_BYTES
from ingest.web.fallback import TIMEOUT_SECONDS
from ingest.web.open_batch import LEAST_REDIS_SECONDS, REDIS_REST_SECONDS, REDIS_SECONDS, OpenBatch
from tests.batches import batch_ids
from tests.chaos.proxy import Proxy
from tests.open_batches import Stored, running_batch, with_batch
from tests.pushes import entry, push
from tests.servers import redis_set_to

SLOWNESS = 8
"""How much longer than in earnest the limits are where a test waits for one"""
SECOND = SLOWNESS * 1.0
NOISE_SECONDS = SLOWNESS * 0.25
"""What a machine with other things to do may add"""
PAUSE_SECONDS = SECOND / 2
"""How long a Redis takes nothing that is to be asked again"""


def test_redis_away_goes_to_fallback(redis_url: str) -> None:
    """When Redis does not answer, the push is stored by the fallback, and Redis is left alone for a moment."""
    fallback = Stored()
    nobody = "redis://127.0.0.1:1/0"

    async def work(batch: OpenBatch, _: Any) -> None:
        await batch.append(entry(push("c1")))
        await batch.append(entry(push("c2")))

    with_batch(nobody, work, fallback)

    assert len(fallback.entries) == 2


def test_redis_full_goes_to_fallback(redis_url: str, client: Any) -> None:
    """Redis at its memory limit refuses the write, and the push is stored by the fallback."""
    fallback = Stored()
    with redis_set_to(client, maxmemory="1"):
        with_batch(redis_url, lambda batch, _: batch.append(entry(push())), fallback)

    assert len(fallback.entries) == 1
    assert batch_ids(client) == []


def test_redis_returns_after_rest(redis_url: str, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once Redis answers again, pushes go there again, without anybody's help and under a new batch id."""
    monkeypatch.setattr(open_batch, "REDIS_REST_SECONDS", 0.0)
    fallback = Stored()

    async def work(batch: OpenBatch, _: Any) -> None:
        await batch.append(entry(push("c1")))
        with redis_set_to(client, maxmemory="1"):
            await batch.append(entry(push("c2")))
        await batch.append(entry(push("c3")))

    with_batch(redis_url, work, fallback)

    assert len(fallback.entries) == 1
    assert [client.llen(keys.batch(batch_id)) for batch_id in batch_ids(client)] == [1, 1]


def test_nowhere_to_store_reaches_sender() -> None:
    """When neither place takes the push, whoever appended is told."""
    fallback = Stored(NowhereToStoreError("nowhere"))

    async def work(batch: OpenBatch, _: Any) -> None:
        with pytest.raises(NowhereToStoreError):
            await batch.append(entry(push()))

    with_batch("redis://127.0.0.1:1/0", work, fallback)


def test_lost_connection_refuses_nothing(redis_url: str, client: Any) -> None:
    """Where Postgres is away, a connection to Redis that was cut costs no push: Redis is asked again at once."""

    async def work(batch: OpenBatch, _: Any) -> None:
        await batch.append(entry(push("c0")))
        client.client_kill_filter(_type="normal", skipme=True)
        await batch.append(entry(push("c1")))
        await batch.append(entry(push("c2")))

    with_batch(redis_url, work, Stored(NowhereToStoreError("nowhere")))

    assert [client.llen(keys.batch(batch_id)) for batch_id in batch_ids(client)] == [1, 2]


def test_rest_of_redis_refuses_nothing(redis_url: str, client: Any) -> None:
    """Where Postgres takes no more either, Redis is asked before its rest is over, and goes on as before."""
    fallback = Stored()

    async def work(batch: OpenBatch, _: Any) -> None:
        with redis_set_to(client, maxmemory="1"):
            await batch.append(entry(push("c0")))
        fallback.failure = NowhereToStoreError("nowhere")
        await batch.append(entry(push("c1")))
        fallback.failure = AssertionError("Redis rests no longer")
        await batch.append(entry(push("c2")))

    with_batch(redis_url, work, fallback)

    assert len(fallback.entries) == 1
    assert [client.llen(keys.batch(batch_id)) for batch_id in batch_ids(client)] == [2]


@pytest.fixture
def slowness(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits stand to each other as web has them."""
    monkeypatch.setattr(open_batch, "ACKNOWLEDGE_TIMEOUT_SECONDS", SLOWNESS * ACKNOWLEDGE_TIMEOUT_SECONDS)
    monkeypatch.setattr(open_batch, "REDIS_SECONDS", SLOWNESS * REDIS_SECONDS)
    monkeypatch.setattr(open_batch, "LEAST_REDIS_SECONDS", SLOWNESS * LEAST_REDIS_SECONDS)
    monkeypatch.setattr(open_batch, "REDIS_REST_SECONDS", SLOWNESS * REDIS_REST_SECONDS)


@pytest.mark.usefixtures("slowness")
def test_paused_redis_is_asked_again(redis_url: str, client: Any) -> None:
    """While neither stores anything a push hears so within a second, and none hears so once Redis goes on."""
    refused: list[float] = []

    async def work(batch: OpenBatch, _: Any) -> None:
        await batch.append(entry(push("c0")))
        client.client_pause(int(PAUSE_SECONDS * 1000), all=False)
        paused = time.monotonic()
        while time.monotonic() < paused + 3 * PAUSE_SECONDS:
            begun = time.monotonic()
            try:
                await batch.append(entry(push("c1")))
            except NowhereToStoreError:
                refused.append(time.monotonic() - paused)
            assert time.monotonic() - begun < SECOND + NOISE_SECONDS

    with_batch(redis_url, work, Stored(NowhereToStoreError("nowhere")))

    assert refused
    assert max(refused) < PAUSE_SECONDS + SLOWNESS * LEAST_REDIS_SECONDS + NOISE_SECONDS


class Narrow(Stored):
    """A fallback that stores only small groups in time."""

    async def store(self, entries: list[Entry]) -> None:
        """Keep them unless they are too many."""
        if sum(len(one.body) for one in entries) > MAX_BYTES // 8:
            raise TooSlowError("too slow")
        await super().store(entries)


def test_group_too_slow_for_postgres_shrinks() -> None:
    """After a group that Postgres could not store in time the next ones are smaller, and stored."""
    narrow, body = Narrow(), push(comments="x" * 100_000)

    async def burst(batch: OpenBatch) -> list[BaseException | None]:
        return await asyncio.gather(*(batch.append(entry(body)) for _ in range(30)), return_exceptions=True)

    async def work(batch: OpenBatch, _: Any) -> None:
        assert all(isinstance(result, NowhereToStoreError) for result in await burst(batch))
        assert await burst(batch) == [None] * 30

    with_batch("redis://127.0.0.1:1/0", work, narrow)

    assert len(narrow.entries) == 30


def test_writer_outlives_surprises() -> None:
    """An error that nobody foresaw fails its own group and not the ones after it."""
    fallback = Stored(RuntimeError("a surprise"))

    async def work(batch: OpenBatch, _: Any) -> None:
        with pytest.raises(NowhereToStoreError):
            await batch.append(entry(push("c1")))
        fallback.failure = None
        await batch.append(entry(push("c2")))

    with_batch("redis://127.0.0.1:1/0", work, fallback)

    assert len(fallback.entries) == 1


def test_surprise_of_redis_goes_to_fallback(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of Redis's client that nobody foresaw, as of a closed transport, is no reason not to ask Postgres."""
    fallback = Stored()

    async def closed(*_: Any) -> None:
        raise RuntimeError("unable to perform operation: the handler is closed")

    monkeypatch.setattr(redis.asyncio.client.Pipeline, "execute", closed)
    with_batch(redis_url, lambda batch, _: batch.append(entry(push())), fallback)

    assert len(fallback.entries) == 1


@pytest.fixture
def frozen(redis_url: str, client: Any, slowness: None) -> Iterator[Callable[[], None]]:
    """Stops the Redis, which goes on at the end."""
    pid = client.info()["process_id"]
    try:
        yield lambda: os.kill(pid, signal.SIGSTOP)
    finally:
        os.kill(pid, signal.SIGCONT)


class Slow(Stored):
    """A fallback that takes what it may take."""

    async def store(self, entries: list[Entry]) -> None:
        """Keep them, late."""
        await asyncio.sleep(SLOWNESS * (TIMEOUT_SECONDS - 0.05))
        await super().store(entries)


async def seconds_of(batch: OpenBatch, number: int) -> float:
    """How long a push waits."""
    begun = time.monotonic()
    await batch.append(entry(push(f"c{number}")))
    return time.monotonic() - begun


def test_frozen_redis_holds_no_answer_for_more_than_a_second(redis_url: str, frozen: Callable[[], None]) -> None:
    """Nor does a slow fallback behind it: whenever a push comes, and whatever is under way."""
    slow, waited = Slow(), list[float]()

    async def work(batch: OpenBatch, _: Any) -> None:
        await batch.append(entry(push("first")))
        frozen()
        async with asyncio.TaskGroup() as tasks:
            pushes = []
            for number in range(20):
                pushes.append(tasks.create_task(seconds_of(batch, number)))
                await asyncio.sleep(SECOND / 10)
        waited.extend(task.result() for task in pushes)

    with_batch(redis_url, work, slow)

    assert len(slow.entries) == 20
    assert max(waited) < SECOND + NOISE_SECONDS


def test_backlog_leaves_redis_its_time(redis_url: str, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each write leaves a remainder behind, Redis's time is counted from when a write's own pushes came."""
    for name, value in {"MAX_PUSHES": 2, "REDIS_SECONDS": 5.0, "LEAST_REDIS_SECONDS": 0.0}.items():
        monkeypatch.setattr(open_batch, name, value)
    fallback = Stored()

    async def send(batch: OpenBatch, sender: int) -> None:
        for number in range(24):
            await batch.append(entry(push(f"c{sender}-{number}")))

    async def run() -> None:
        async with Proxy(redis_url) as proxy:
            proxy.delay_seconds = 0.1
            async with running_batch(proxy.url, fallback.store) as (batch, _):
                await asyncio.gather(*(send(batch, sender) for sender in range(6)))

    asyncio.run(run())

    assert fallback.entries == []


def test_frozen_redis_leaves_nothing_in_memory(redis_url: str, frozen: Callable[[], None]) -> None:
    """What it did not read is given up with the connection, try after try."""
    body = push(comments="x" * 1_000_000)

    async def work(batch: OpenBatch, client: redis.asyncio.Redis) -> None:
        await batch.append(entry(push("first")))
        (connection,) = client.connection_pool._available_connections
        frozen()
        writer = connection._writer
        assert writer
        await asyncio.gather(*(batch.append(entry(body)) for _ in range(12)))
        assert writer.transport.get_write_buffer_size() == 0

    with_batch(redis_url, work)
