"""Redis stores pushes and its answer is lost, while Postgres takes none: each is stored and counted once."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from ingest.batch import keys
from ingest.batch.entry import Entry
from ingest.errors import NowhereToStoreError
from ingest.web.open_batch import OpenBatch
from tests.batches import batch_ids
from tests.chaos.proxy import Proxy
from tests.open_batches import running_batch
from tests.pushes import entry, push


class Line:
    """A line to Redis that is cut behind a write, and whole again when the fallback was asked in vain."""

    batch: OpenBatch

    def __init__(self, proxy: Proxy, meanwhile: Callable[[], object]) -> None:
        self.proxy = proxy
        self._meanwhile = meanwhile

    async def refuse(self, _: list[Entry]) -> None:
        """What Postgres does."""
        if self.proxy.is_cutting:
            self.proxy.is_cutting, self.proxy.delay_seconds = False, 0.0
            self._meanwhile()
        raise NowhereToStoreError("nowhere")

    async def append(self, *call_ids: str) -> None:
        """Append pushes at once; they are acknowledged after."""
        await asyncio.gather(*(self.batch.append(entry(push(call_id))) for call_id in call_ids))


def with_line(
    redis_url: str, work: Callable[[Line], Awaitable[None]], meanwhile: Callable[[], object] = lambda: None
) -> None:
    """Run `work`; `meanwhile` what happens after the cut."""

    async def run() -> None:
        async with Proxy(redis_url) as proxy:
            line = Line(proxy, meanwhile)
            async with running_batch(proxy.url, line.refuse) as (line.batch, _):
                await work(line)
            assert proxy.cuts == 1

    asyncio.run(run())


def stored(client: Any) -> list[bytes]:
    """All entries in Redis, as they are stored."""
    lists = [of(batch_id) for batch_id in batch_ids(client) for of in (keys.batch, keys.taken)]
    return [one for each in lists for one in client.lrange(each, 0, -1)]


def counted(client: Any) -> int:
    """How many pushes Redis has counted as acknowledged."""
    return sum(sum(map(int, client.hvals(key))) for key in client.scan_iter(match=keys.acknowledged("*")))


def assert_each_once(client: Any, pushes: int) -> None:
    """So many are stored and counted."""
    found = stored(client)
    assert (counted(client), len(found), len(set(found))) == (pushes, pushes, pushes)


@pytest.mark.parametrize("opened", [False, True], ids=["a batch is opened", "a batch is joined"])
def test_redis_is_asked(redis_url: str, client: Any, opened: bool) -> None:
    """Whether it has the pushes, in whichever way they were to come there."""

    async def work(line: Line) -> None:
        if opened:
            await line.append("c0")
        line.proxy.is_cutting = True
        await line.append("c1", "c2", "c3")
        await line.append("c4")

    with_line(redis_url, work)

    assert_each_once(client, 4 + opened)


def test_others_join_the_group(redis_url: str, client: Any) -> None:
    """Pushes that come while the first ones are written are in none of Redis's lists, and get there."""

    async def work(line: Line) -> None:
        line.proxy.is_cutting, line.proxy.delay_seconds = True, 0.1
        first = asyncio.create_task(line.append("c1"))
        while not line.proxy.delays:
            await asyncio.sleep(0)
        await asyncio.gather(first, line.append("c2", "c3"))

    with_line(redis_url, work)

    assert_each_once(client, 3)


def test_group_is_split(redis_url: str, client: Any) -> None:
    """Where Postgres is asked for a part at a time, the rest is asked about as well."""

    async def work(line: Line) -> None:
        line.batch._fallback_bytes = 1  # as after groups that were too slow
        line.proxy.is_cutting = True
        await line.append("c1", "c2", "c3")

    with_line(redis_url, work)

    assert_each_once(client, 3)


def test_worker_has_the_batch(redis_url: str, client: Any) -> None:
    """It has been taken since."""

    def take() -> None:
        (batch_id,) = batch_ids(client)
        client.rename(keys.batch(batch_id), keys.taken(batch_id))

    async def work(line: Line) -> None:
        line.proxy.is_cutting = True
        await line.append("c1", "c2")

    with_line(redis_url, work, take)

    assert_each_once(client, 2)


def test_former_primary_confirms_nothing(redis_url: str, client: Any) -> None:
    """It has the pushes and will lose them: a server that takes no writes is not asked what it has."""

    async def work(line: Line) -> None:
        line.proxy.is_cutting = True
        with pytest.raises(NowhereToStoreError):
            await line.append("c1")

    try:
        with_line(redis_url, work, partial(client.replicaof, "127.0.0.1", "1"))
    finally:
        client.replicaof("NO", "ONE")


def test_user_who_may_not_ask(redis_url: str, client: Any) -> None:
    """They are stored once more rather than refused."""
    name, password = f"web-{secrets.token_hex(4)}", secrets.token_hex(8)
    client.acl_setuser(
        name, enabled=True, passwords=[f"+{password}"], keys=["*"], channels=["*"], categories=["+@all"],
        commands=["-lpos"],
    )  # fmt: skip

    async def work(line: Line) -> None:
        line.proxy.is_cutting = True
        await line.append("c1")

    try:
        host = redis_url.rpartition("@")[2].removeprefix("redis://")
        with_line(f"redis://{name}:{password}@{host}", work)
    finally:
        client.acl_deluser(name)

    assert len(stored(client)) == 2
    assert len(set(stored(client))) == 1
