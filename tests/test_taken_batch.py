"""Taking, taking up again, releasing and discarding a batch, on a real Redis."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import Connection

from ingest.batch import keys
from ingest.batch.entry import Entry, encode_entry
from ingest.batch.index import oldest_opened_at
from tests.processes import ingest
from tests.pushes import entry, push
from workers.database import Database
from workers.jobs import normalise_batch
from workers.sweeper.loop import Sweeper
from workers.taken_batch import LEASE_SECONDS, seize, take

Rows = Connection[dict[str, Any]]


def opened(client: Any, entries: list[Entry], batch_id: str = "b1") -> str:
    """A batch as web leaves it, without its job."""
    client.rpush(keys.batch(batch_id), *map(encode_entry, entries))
    client.zadd(keys.BATCHES, {batch_id: 1.0})
    return batch_id


def test_take_closes_batch(client: Any) -> None:
    """A taken batch can no longer be appended to, and is leased for longer than a job lives."""
    entries = [entry(push("c1")), entry(push("c2"))]
    batch = take(client, opened(client, entries))

    assert batch is not None
    assert (batch.entries, batch.attempts, batch.in_hand) == (entries, 1, None)
    assert client.rpushx(keys.batch("b1"), b"late") == 0
    assert 30 < client.ttl(keys.lease("b1")) <= LEASE_SECONDS


def test_dead_workers_batch_is_taken_up(client: Any) -> None:
    """Taking again after a worker died gives the same entries and counts the attempt."""
    entries = [entry(push())]
    opened(client, entries)
    first = take(client, "b1")
    assert first is not None
    first.take_in_hand(entries[0])

    second = take(client, "b1")

    assert second is not None
    assert (second.entries, second.attempts, second.in_hand) == (entries, 2, entries[0].push_id)


def test_repeated_entry_counts_once(client: Any) -> None:
    """A push that was appended twice, as its first reply was lost, is one push."""
    one = entry(push())
    batch = take(client, opened(client, [one, one]))

    assert batch is not None
    assert batch.entries == [one]


def test_discard_leaves_nothing(client: Any) -> None:
    """A settled batch leaves no key behind, and a job that runs again has nothing to do."""
    batch = take(client, opened(client, [entry(push())]))
    assert batch is not None

    batch.discard()

    assert client.keys() == []
    assert take(client, "b1") is None
    assert client.keys() == []


def test_release_forgets_attempt(client: Any) -> None:
    """A worker that could not reach Postgres leaves the batch as if it had never tried."""
    one = entry(push())
    batch = take(client, opened(client, [one]))
    assert batch is not None
    batch.take_in_hand(one)

    batch.release()

    assert client.exists(keys.lease("b1")) == 0
    again = take(client, "b1")
    assert again is not None
    assert (again.entries, again.attempts, again.in_hand) == ([one], 1, None)


JUNK = (
    *(b"junk", b"\xff\xff", b"", b"\x80", encode_entry(Entry(b"short", 1, "a", "custom-api", b"{}"))),
    *(encode_entry(Entry(bytes(16), us, "a", "custom-api", b"{}")) for us in (-1, 253_402_300_799_999_999, 2**62)),
    b"\x95\xc4\x10" + bytes(16) + b"\x01\xa1\xff\xa1k\xc4\x00",  # its source is no UTF-8
)
"""What somebody else may have put into a batch"""


@pytest.mark.parametrize("take_up", [take, seize])
def test_junk_keeps_no_push(client: Any, caplog: pytest.LogCaptureFixture, take_up: Any) -> None:
    """An element that is no push of ours is told and passed over, and kept for people; the others are taken."""
    entries = [entry(push("c1")), entry(push("c2"))]
    opened(client, entries)
    client.lpush(keys.batch("b1"), *JUNK)

    batch = take_up(client, "b1")

    assert batch.entries == entries
    assert f"batch b1 has {len(JUNK)} elements that are no pushes" in caplog.text
    batch.discard()
    assert client.lrange(keys.unreadable("b1"), 0, -1) == list(reversed(JUNK))
    assert 0 < client.ttl(keys.unreadable("b1")) <= keys.UNREADABLE_TTL_SECONDS
    batch.discard()
    assert client.keys() == [keys.unreadable("b1").encode()], "again, as where two workers have it, it does no harm"


@pytest.mark.usefixtures("environment")
def test_junk_stops_nothing(client: Any, database: Database, connection: Rows) -> None:
    """Workers, sweeper and commands go on, beside a batch with junk in it and a batch id that is no text."""
    one = entry(push("c1"))
    opened(client, [one])
    client.lpush(keys.batch("b1"), *JUNK)
    client.zadd(keys.BATCHES, {b"\xff\xfe": 1.0})

    traces = (f"trace {one.uuid}", "trace c1")
    for command in (*traces, "status", "export --case-id case-1", "erase --case-id x", "reconcile"):
        assert "Traceback" not in ingest(*command.split()).stderr, command
    assert "pushes: 1" in ingest("trace", "c1").stdout
    Sweeper(client, database).run_once()
    assert [member.decode() for member in client.zrange(keys.BATCHES, 0, -1)] == ["b1"]
    normalise_batch(client, database, "b1")
    assert oldest_opened_at(client) is None

    assert connection.execute("SELECT call_id, status FROM airudder.pushes").fetchall() == [
        {"call_id": "c1", "status": "normalised"}
    ]
