"""Signatures have a weight: the header may be as large as headers are, and is kept with the push."""

from __future__ import annotations

import asyncio
from typing import Any

from psycopg import Connection

from ingest.batch import keys
from ingest.batch.entry import pending_columns
from ingest.web import batch_in_redis
from ingest.web.fallback import INSERT_PENDING
from ingest.web.open_batch import OpenBatch
from tests.batches import batch_ids
from tests.open_batches import with_batch
from tests.pushes import entry, push, signed
from workers.statements import BEGIN_OLDEST_PENDING
from workers.sweeper.day_blocks import BEGIN, END, Block

PATH = "/airudder/custom-api"
LARGE = "s" * 15_000
EACH = {"replayed": False, "at_least": 0, "at_most": 0, "resting": [], "limit": 100, **Block(BEGIN, END)._asdict()}
"""Every pending push is looked for that was not tried yet."""


def test_batch_of_large_signatures_is_left(redis_url: str, client: Any) -> None:
    """No batch of more than one push holds more than 4 MiB."""

    async def work(batch: OpenBatch, _: Any) -> None:
        await asyncio.gather(*(batch.append(signed(entry(push(f"c{number}")), LARGE)) for number in range(400)))

    with_batch(redis_url, work)

    sizes = [client.lrange(keys.batch(batch_id), 0, -1) for batch_id in batch_ids(client)]
    assert sum(map(len, sizes)) == 400
    assert max(sum(map(len, entries)) for entries in sizes) <= batch_in_redis.MAX_BYTES


def test_pending_signatures_are_fed_by_their_bytes(connection: Connection[dict[str, Any]]) -> None:
    """Of pending pushes no more bytes are begun at once than a batch has, but for the last of them."""
    pending = [*(signed(entry(push(f"c{number}")), LARGE) for number in range(3)), entry(push("c3"))]
    connection.execute(INSERT_PENDING, pending_columns(pending))

    begun = [len(connection.execute(BEGIN_OLDEST_PENDING, {**EACH, "bytes": 30_000}).fetchall()) for _ in range(2)]

    assert begun == [2, 2]
