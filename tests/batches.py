"""Batches for tests, as web leaves them."""

from __future__ import annotations

from typing import Any

from ingest import keys
from ingest.entry import Entry, encode_entry
from ingest.jobs import enqueue_batch, normalise_queue


def enqueued(client: Any, entries: list[Entry], batch_id: str = "b1") -> str:
    """A batch in the index, with its job."""
    with client.pipeline(transaction=True) as pipeline:
        pipeline.rpush(keys.batch(batch_id), *map(encode_entry, entries))
        enqueue_batch(normalise_queue(client), batch_id, pipeline)
        pipeline.zadd(keys.BATCHES, {batch_id: 1.0})
        pipeline.execute()
    return batch_id


def nothing_in_flight(client: Any) -> bool:
    """Whether every batch is settled, and its job gone as well."""
    return not client.zcard(keys.BATCHES) and not client.keys("rq:job:*")
