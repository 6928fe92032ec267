"""Signatures have a weight: the header may be as large as headers are, and is kept with the push."""

from __future__ import annotations

import asyncio
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
from psycopg import Connection

from ingest.batch import keys
from ingest.batch.entry import pending_columns
from ingest.web import batch_in_redis
from ingest.web.fallback import INSERT_PENDING
from ingest.web.open_batch import OpenBatch
from tests.batches import batch_ids
from tests.kept import refused
from tests.open_batches import with_batch
from tests.processes import running_web, wait_until
from tests.pushes import entry, push, signed
from workers.statements import BEGIN_OLDEST_PENDING

PATH = "/airudder/custom-api"
LARGE = "s" * 15_000
EACH = {"replayed": False, "at_least": 0, "at_most": 0, "resting": [], "limit": 100}
"""Every pending push is looked for that was not tried yet."""


def test_batch_of_large_signatures_is_left(redis_url: str, client: Any) -> None:
    """No batch of more than one push holds more than 4 MiB."""

    async def work(batch: OpenBatch, _: Any) -> None:
        await asyncio.gather(*(batch.append(signed(entry(push(f"c{number}")), LARGE)) for number in range(400)))

    with_batch(redis_url, work)

    sizes = [client.lrange(keys.batch(batch_id), 0, -1) for batch_id in batch_ids(client)]
    assert sum(map(len, sizes)) == 400
    assert max(sum(map(len, entries)) for entries in sizes) <= batch_in_redis.MAX_BYTES


def begin(url: str) -> socket.socket:
    """A request that is in hand with its 15,000 bytes: web asks for them."""
    address = urlsplit(url)
    connection = socket.create_connection((address.hostname, address.port), timeout=30)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 15000\r\nExpect: 100-continue\r\n\r\n"
    connection.sendall(head.encode())
    assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
    return connection


def test_signatures_are_among_the_bytes_in_hand(environment: None, client: Any) -> None:
    """Where a body would have room and its signature has none, the sender is asked to come back."""
    bounds = {"INGEST_MAX_BODY": "20000", "INGEST_MAX_BYTES_IN_HAND": "40000"}
    with running_web(**bounds) as url, httpx.Client(base_url=url, headers={"X-AIRudder-Sign": LARGE}) as signing:
        with begin(url):
            assert signing.post(PATH, content=b"{}").status_code == 200
            with begin(url):
                assert signing.post(PATH, content=b"{}").status_code == 503
                assert httpx.post(url + PATH, content=b"{}").status_code == 200
        wait_until(lambda: refused(client, "too many bytes at once"), "the refusal is counted for its source")


def test_pending_signatures_are_fed_by_their_bytes(connection: Connection[dict[str, Any]]) -> None:
    """Of pending pushes no more bytes are begun at once than a batch has, but for the last of them."""
    pending = [*(signed(entry(push(f"c{number}")), LARGE) for number in range(3)), entry(push("c3"))]
    connection.execute(INSERT_PENDING, pending_columns(pending))

    begun = [len(connection.execute(BEGIN_OLDEST_PENDING, {**EACH, "bytes": 30_000}).fetchall()) for _ in range(2)]

    assert begun == [2, 2]
