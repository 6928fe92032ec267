"""Batches for tests, as web leaves them."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import pytest
from psycopg import Connection

import workers.settle
from ingest.batch import keys
from ingest.batch.clients import acknowledging_client
from ingest.batch.entry import Entry, encode_entry
from ingest.batch.push_ids import PushIds
from ingest.batch.queue import enqueue_batch, normalise_queue
from ingest.tables.rows import Normalised
from ingest.web.fallback import Fallback
from ingest.web.open_batch import OpenBatch
from tests.pushes import entry, push
from workers.attempts import Attempt
from workers.database import Database
from workers.redeliveries import Told
from workers.settle import settle
from workers.write import write_by_copy


def enqueued(client: Any, entries: list[Entry], batch_id: str = "b1") -> str:
    """A batch in the index, with its job."""
    with client.pipeline(transaction=True) as pipeline:
        pipeline.rpush(keys.batch(batch_id), *map(encode_entry, entries))
        enqueue_batch(normalise_queue(client), batch_id, pipeline)
        pipeline.zadd(keys.BATCHES, {batch_id: 1.0})
        pipeline.execute()
    return batch_id


def count_copies(monkeypatch: pytest.MonkeyPatch) -> Counter[bool]:
    """How many batches are written by COPY from now on (True), and how many are upserted as something in them was there
    after all (False)."""
    by_copy, counts = write_by_copy, Counter[bool]()

    def copied_and_counted(
        connection: Connection[tuple[Any, ...]], batch: Sequence[Normalised], attempt: Attempt
    ) -> Told:
        counts[False] += 1
        late = by_copy(connection, batch, attempt)
        counts[False] -= 1
        counts[True] += 1
        return late

    monkeypatch.setattr(workers.settle, "write_by_copy", copied_and_counted)
    return counts


def settle_at_once(database_url: str, batches: Sequence[Sequence[list[Entry]]]) -> None:
    """Settle batches in as many threads as there are workers, each with a connection of its own: the first ones of all
    workers at once, then the second ones, and so on. Raises what one of them raises."""
    together = threading.Barrier(len(batches), timeout=60)

    def work(own: Sequence[list[Entry]]) -> None:
        with closing(Database(database_url, patience_seconds=20)) as database:
            for batch in own:
                together.wait()
                settle(database, batch)

    with ThreadPoolExecutor(len(batches)) as threads:
        list(threads.map(work, batches))


def nothing_in_flight(client: Any) -> bool:
    """Whether every batch is settled, and its job gone as well."""
    return not client.zcard(keys.BATCHES) and not client.keys("rq:job:*")


@contextmanager
def refusing(connection: Any, table: str, condition: str, state: str = "P0001") -> Iterator[None]:
    """Postgres refuses new rows of a table that a condition on NEW holds for, with this SQLSTATE, in the block."""
    connection.execute(
        "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {condition} THEN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END IF; RETURN NEW; END $$"
    )
    connection.execute(
        f"CREATE TRIGGER refuse BEFORE INSERT ON airudder.{table} FOR EACH ROW EXECUTE FUNCTION public.refuse()"
    )
    try:
        yield
    finally:
        connection.execute("DROP FUNCTION public.refuse CASCADE")


_UNFIT = {
    "22003": "CASE WHEN {} THEN 2147483647 ELSE 0 END + 1 > 0",
    "22P02": "(CASE WHEN {} THEN 'x' ELSE '1' END)::integer > 0",
    "23514": "NOT ({})",
    "54000": "repeat('x', CASE WHEN {} THEN 2147483647 ELSE 1 END) <> ''",
}
"""By SQLSTATE, what no row is fit for that a condition holds for"""


@contextmanager
def unfit(connection: Any, table: str, condition: str, state: str = "23514") -> Iterator[None]:
    """Postgres refuses the values of new rows of a table that a condition holds for, with this SQLSTATE, in the block.
    Nothing but the table is asked."""
    check = _UNFIT[state].format(condition)
    connection.execute(f"ALTER TABLE airudder.{table} ADD CONSTRAINT unfit CHECK ({check}) NOT VALID")
    try:
        yield
    finally:
        connection.execute(f"ALTER TABLE airudder.{table} DROP CONSTRAINT unfit")


def batch_without_job(client: Any, batch_id: str = "b1") -> None:
    """A batch that RQ knows nothing of."""
    client.rpush(keys.batch(batch_id), encode_entry(entry(push())))
    client.zadd(keys.BATCHES, {batch_id: 1.0})


def acknowledge(redis_url: str, database_url: str, entries: list[Entry]) -> None:
    """Store pushes as web does, in a batch of their own."""

    async def run() -> None:
        client, fallback = acknowledging_client(redis_url), Fallback(database_url)
        batch = OpenBatch(client, PushIds(), fallback.store)
        writer = asyncio.create_task(batch.run())
        await asyncio.gather(*(batch.append(one) for one in entries))
        writer.cancel()
        await fallback.close()
        await client.aclose()

    asyncio.run(run())


def batch_ids(client: Any) -> list[str]:
    """The batches in flight, oldest first."""
    return keys.decode_ids(client.zrange(keys.BATCHES, 0, -1))
