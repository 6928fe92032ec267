"""A search among what is in flight: it stands before what is settled, and only so much of Redis is read."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

import ops.search.in_redis
from ingest import settings
from ingest.batch import keys
from ingest.batch.entry import Entry, encode_entry
from ops.search.filters import Filter, Place
from ops.search.pushes import FoundPage, find_pushes
from tests.batches import enqueued
from tests.of_kind import entry_of
from tests.pushes import IDS, entry, push
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")


def find(place: Place | None = None, *, show_personal: bool = False, **conditions: Any) -> FoundPage:
    """A page."""
    return find_pushes(settings.load(), Filter(**conditions), place, show_personal=show_personal)


def flying(found: FoundPage) -> list[UUID]:
    """Its pushes in flight."""
    return [one.push_id for one in found.in_flight]


def batch_id() -> str:
    """A batch's id, as web draws it."""
    return str(UUID(bytes=IDS.draw()[0]))


@pytest.fixture
def pair(client: Any) -> tuple[Entry, Entry]:
    """Two that differ in all that a filter asks for, in two batches."""
    one = entry(push("c1", workflow_id="w1"), source="shop")
    other = entry_of("list-completed", {"workflow_id": "w2", "case_id": "case-9", "callee_number": "+6281200000002"})
    enqueued(client, [one], batch_id())
    enqueued(client, [other], batch_id())
    return one, other


@pytest.mark.parametrize(
    "conditions",
    [{"source": "shop"}, {"kind": "custom-api"}, {"workflow": "w1"}, {"identifier": "c1"}, {"identifier": "w1"}],
    ids=str,
)
def test_conditions(pair: tuple[Entry, Entry], conditions: dict[str, Any]) -> None:
    """Those that can be told before a worker has had the push."""
    one, other = pair
    assert flying(find(**conditions)) == [one.uuid]
    assert flying(find(**conditions, status="in-flight")) == [one.uuid]
    assert flying(find()) == [other.uuid, one.uuid]
    assert flying(find(since=other.received_at)) == [other.uuid]
    assert flying(find(until=other.received_at)) == [one.uuid]


def test_what_a_worker_finds_out(pair: tuple[Entry, Entry]) -> None:
    """A push in flight has no warning, no error and no other status; and stands before the first page alone."""
    one, _ = pair
    for conditions in (
        {"warned": True},
        {"path": "$"},
        {"error": "x"},
        {"group": "00000000"},
        {"status": "normalised"},
    ):
        assert flying(find(**conditions)) == []
    assert flying(find(Place(one.uuid))) == []


def test_told_of_it(pair: tuple[Entry, Entry]) -> None:
    """As of one that is settled, masked too."""
    found = find(kind="list-completed").in_flight[0]
    assert (found.status, found.workflow_id, found.callee_number, found.case_id) == ("in-flight", "w2", "…02", "…-9")
    (found,) = find(kind="list-completed", show_personal=True).in_flight
    assert found.callee_number == "+6281200000002"


def test_settled_meanwhile(client: Any, database: Database, pair: tuple[Entry, Entry]) -> None:
    """Until its batch is discarded a settled push is in both, and shown once."""
    settle(database, list(pair))
    found = find()
    assert [one.push_id for one in found.pushes] == [one.uuid for one in reversed(pair)]
    assert flying(found) == []
    assert flying(find(status="in-flight")) == []


def test_taken_and_open(client: Any) -> None:
    """A push that is in both lists of its batch, as it moves while we look, is shown once."""
    one = entry(push())
    batch = enqueued(client, [one], batch_id())
    client.rpush(keys.taken(batch), encode_entry(one))
    assert flying(find()) == [one.uuid]


def test_few_are_shown(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest; of the others how many there are."""
    monkeypatch.setattr(ops.search.in_redis, "MOST_SHOWN", 3)
    entries = [entry(push(f"c{number}")) for number in range(7)]
    enqueued(client, entries, batch_id())

    found = find()

    assert flying(found) == [one.uuid for one in entries[:3:-1]]
    assert found.left_out == ["others in flight: 7 pushes are, and these are the newest"]


@pytest.mark.parametrize(("name", "bound"), [("MOST_READ", 4), ("MOST_BYTES", 2000), ("MOST_SHOWN", 4)])
def test_few_batches_are_read(client: Any, monkeypatch: pytest.MonkeyPatch, name: str, bound: int) -> None:
    """The newest, each to its end; and it is said that there are others."""
    monkeypatch.setattr(ops.search.in_redis, name, bound)
    older, newer = ([entry(push(f"c{number}")) for number in numbers] for numbers in (range(10), range(10, 14)))
    for batch, entries in ((batch_id(), older), (batch_id(), newer)):
        enqueued(client, entries, batch)
        client.zadd(keys.BATCHES, {batch: entries[0].received_us / 1e6})

    found = find()

    assert flying(found) == [one.uuid for one in reversed(newer)]
    assert found.left_out == ["others in flight: 14 pushes are, and those of the newest batches were looked at"]
    assert find(identifier="c0").left_out == ([] if name == "MOST_SHOWN" else found.left_out)


def test_redis_away(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is settled is found all the same, and it is said what is missing."""
    one = entry(push())
    settle(database, [one])
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")

    found = find()

    assert [found.push_id for found in found.pushes] == [one.uuid]
    (words,) = found.left_out
    assert words.startswith("pushes in flight: Redis at REDIS_URL does not answer")
