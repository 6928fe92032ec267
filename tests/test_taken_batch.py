"""Taking, taking up again, releasing and discarding a batch, on a real Redis."""

from __future__ import annotations

from typing import Any

from ingest.batch import keys
from ingest.batch.entry import Entry, encode_entry
from tests.pushes import entry, push
from workers.taken_batch import LEASE_SECONDS, take


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
