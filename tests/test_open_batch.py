"""Appending to the open batch, on a real Redis."""

from __future__ import annotations

import asyncio
import json
import zlib
from typing import Any

from ingest.batch import keys
from ingest.batch.entry import decode_entry
from ingest.batch.queue import normalise_queue
from ingest.web import batch_in_redis
from ingest.web.open_batch import OpenBatch
from tests.batches import batch_ids
from tests.open_batches import with_batch
from tests.pushes import entry, push
from workers.taken_batch import take


def test_first_append_opens_batch(redis_url: str, client: Any) -> None:
    """The first push makes the batch, its RQ job of the same id and its place in the index, in one transaction."""
    first = entry(push())

    with_batch(redis_url, lambda batch, _: batch.append(first))

    (batch_id,) = batch_ids(client)
    assert [decode_entry(one) for one in client.lrange(keys.batch(batch_id), 0, -1)] == [first]
    job = normalise_queue(client).fetch_job(batch_id)
    assert job is not None
    assert (job.id, job.args, job.timeout, job.result_ttl) == (batch_id, [batch_id], 30, 0)
    assert normalise_queue(client).get_job_ids() == [batch_id]


def test_job_holds_nothing_personal(redis_url: str, client: Any) -> None:
    """What the dashboard shows of a job names a time and a process, nothing of the push; and no pickle."""
    with_batch(redis_url, lambda batch, _: batch.append(entry(push())))

    (batch_id,) = batch_ids(client)
    stored = client.hgetall(f"rq:job:{batch_id}")
    call = zlib.decompress(stored.pop(b"data"))
    assert json.loads(call) == ["workers.jobs.normalise", None, [batch_id], {}]
    texts = b" ".join(stored.values())
    assert b"62812" not in texts
    assert b"Budi" not in texts


def test_later_appends_join_batch(redis_url: str, client: Any) -> None:
    """While no worker takes it, every push joins the same batch, and there is one job."""

    async def work(batch: OpenBatch, _: Any) -> None:
        for number in range(5):
            await batch.append(entry(push(f"c{number}")))
        await asyncio.gather(*(batch.append(entry(push(f"d{number}"))) for number in range(50)))

    with_batch(redis_url, work)

    (batch_id,) = batch_ids(client)
    assert client.llen(keys.batch(batch_id)) == 55
    assert len(normalise_queue(client)) == 1


def test_append_after_take_opens_another(redis_url: str, client: Any) -> None:
    """A push that comes when a worker has just taken the batch opens a new one: it is in exactly one of them."""
    first, second = entry(push("c1")), entry(push("c2"))

    async def work(batch: OpenBatch, _: Any) -> None:
        await batch.append(first)
        taken = take(client, batch_ids(client)[0])
        assert taken is not None
        assert [one.push_id for one in taken.entries] == [first.push_id]
        await batch.append(second)

    with_batch(redis_url, work)

    old, new = batch_ids(client)
    assert client.llen(keys.taken(old)) == 1
    assert client.llen(keys.batch(new)) == 1


def test_appended_is_counted(redis_url: str, client: Any) -> None:
    """What is stored is counted by hour and source in the same step, in a new batch and in one that is open."""

    async def work(batch: OpenBatch, _: Any) -> None:
        await batch.append(entry(push(), source="shop"))
        await asyncio.gather(*(batch.append(entry(push(), source=source)) for source in ("shop", "lender", "shop")))
        await batch.append(entry(push(), source="shop", later_us=3_600_000_000))

    with_batch(redis_url, work)

    first, second = (entry(push(), later_us=later).hour for later in (0, 3_600_000_000))
    assert client.hgetall(keys.acknowledged(first)) == {b"shop": b"3", b"lender": b"1"}
    assert client.hgetall(keys.acknowledged(second)) == {b"shop": b"1"}
    assert 0 < client.ttl(keys.acknowledged(second)) <= keys.ACKNOWLEDGED_TTL_SECONDS


def test_full_batch_is_left(redis_url: str, client: Any) -> None:
    """No batch holds more pushes than its bound."""
    pushes = batch_in_redis.MAX_PUSHES + 201

    async def work(batch: OpenBatch, _: Any) -> None:
        await asyncio.gather(*(batch.append(entry(push(f"c{number}"))) for number in range(pushes)))

    with_batch(redis_url, work)

    sizes = [client.llen(keys.batch(batch_id)) for batch_id in batch_ids(client)]
    assert sum(sizes) == pushes
    assert max(sizes) <= batch_in_redis.MAX_PUSHES


def test_heavy_batch_is_left(redis_url: str, client: Any) -> None:
    """No batch of more than one push holds more than 4 MiB."""
    body = push(comments="x" * 1_000_000)

    async def work(batch: OpenBatch, _: Any) -> None:
        await asyncio.gather(*(batch.append(entry(body)) for _ in range(9)))

    with_batch(redis_url, work)

    for batch_id in batch_ids(client):
        assert sum(map(len, client.lrange(keys.batch(batch_id), 0, -1))) <= batch_in_redis.MAX_BYTES
    assert sum(client.llen(keys.batch(batch_id)) for batch_id in batch_ids(client)) == 9


def test_cancelled_request_harms_nobody(redis_url: str, client: Any) -> None:
    """A request that is cancelled while it waits does not stop the others of its group."""

    async def work(batch: OpenBatch, _: Any) -> None:
        requests = [asyncio.create_task(batch.append(entry(push(f"c{number}")))) for number in range(3)]
        await asyncio.sleep(0)
        requests[1].cancel()
        results = await asyncio.gather(*requests, return_exceptions=True)
        assert [type(result) for result in results] == [type(None), asyncio.CancelledError, type(None)]

    with_batch(redis_url, work)
