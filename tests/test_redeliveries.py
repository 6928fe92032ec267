"""Deliveries of the same bytes: settled again, at once, and on both sides of midnight."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any

import msgspec
import pytest
from psycopg import Connection

import workers.settle
from ingest.batch.entry import Entry
from ingest.kinds.normalise import normalise
from ingest.tables.rows import Normalised
from tests.batches import settle_at_once
from tests.of_kind import entry_of
from tests.pushes import IDS, entry, push, received_at
from tests.stored import outcomes, settled_in, told
from workers.attempts import FIRST
from workers.database import Database
from workers.late import MOST_BETWEEN, write_late
from workers.redeliveries import Told, tell_redeliveries
from workers.settle import settle
from workers.write import write

Rows = Connection[dict[str, Any]]

DAY_US = 24 * 3600 * 1_000_000


def owing(amount: str, node_id: str) -> dict[str, Any]:
    """A push of one call by a node, that tells what its case owes."""
    body = push(node_id=node_id)
    body["callee"]["total_owing_amount"] = amount
    return body


def test_batch_that_runs_again_brings_no_retry_back(
    database: Database, database_url: str, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retry's batch runs a second time, as after a lost lease, while the first delivery is settled: what came between
    the two stays."""
    first, between, retry = entry(owing("100", "n1")), entry(owing("0", "n2")), entry(owing("100", "n1"))
    for one in (retry, between):
        settle(database, [one])
    has_looked, may_go_on = threading.Event(), threading.Event()

    def tell_and_wait(connection: Connection[Any], batch: Sequence[Normalised], *, known_calls_only: bool) -> Told:
        found = tell_redeliveries(connection, batch, known_calls_only=known_calls_only)
        if batch[0].push.push_id == retry.uuid and not has_looked.is_set():
            has_looked.set()
            assert may_go_on.wait(30)
        return found

    monkeypatch.setattr("workers.write.tell_redeliveries", tell_and_wait)
    with ThreadPoolExecutor() as threads, closing(Database(database_url, patience_seconds=20)) as other:
        again = threads.submit(settle, other, [retry])
        assert has_looked.wait(30)
        settle(database, [first])
        may_go_on.set()
        again.result()

    assert connection.execute("SELECT total_owing_amount AS owing FROM airudder.cases").fetchall() == [{"owing": 0}]
    assert outcomes(connection) == {"normalised": 2, "duplicate": 1}


def test_first_deliveries_in_two_hands_end_alike(database: Database, connection: Rows) -> None:
    """The third delivery is settled; one worker finds that the second came before it, another that the first did."""
    in_order = [entry(push()) for _ in range(3)]
    expected = settled_in(range(3), in_order, database, connection)
    entries = [received_at(msgspec.structs.replace(one, push_id=IDS.draw()[0]), one.received_us) for one in in_order]
    first, second, third = map(normalise, entries)
    told_to = [
        database.run(partial(write, batch=batch, attempt=FIRST)) for batch in ([third], [second], [first, second])
    ]
    assert [one.late for one in told_to] == [[], [second], [first]]

    for late in (second, first):
        database.run(partial(write_late, late=late, attempt=FIRST))

    assert told(connection, entries, "default") == expected


@pytest.mark.parametrize("since_midnight", [None, timedelta(seconds=6)])
@pytest.mark.parametrize("seed", range(25))
def test_any_batches_at_once_end_alike(
    database_url: str,
    database: Database,
    connection: Rows,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    since_midnight: timedelta | None,
) -> None:
    """Three workers settle the deliveries of a call in any groups, some of them in several, at once: what is told, and
    each outcome, is as if they had been settled one after another."""
    chance = random.Random(seed)
    monkeypatch.setattr(workers.settle, "COPY_FROM", chance.choice([1, workers.settle.COPY_FROM]))
    bodies = [push(turns=number, node_id=f"n{number}", custom_attribute={"n": number}) for number in range(3)]
    del bodies[1]["callee"], bodies[2]["call"]["ring_type"]
    in_order = [entry(chance.choice(bodies)) for _ in range(6)]
    if since_midnight:
        begun = datetime.combine(datetime.now(UTC).date(), time(), UTC) + since_midnight
        begun_us = round(begun.timestamp() * 1e6)
        in_order = [received_at(one, begun_us + 20 * place) for place, one in enumerate(in_order)]
    expected = settled_in(range(6), in_order, database, connection)
    entries = [received_at(msgspec.structs.replace(one, push_id=IDS.draw()[0]), one.received_us) for one in in_order]
    places = [[chance.sample(range(6), chance.randrange(1, 4)) for _ in range(3)] for _ in range(3)]
    places[0].append([place for place in range(6) if not any(place in group for own in places for group in own)])
    batches = [[[entries[place] for place in group] for group in own if group] for own in places]
    longest = max(map(len, batches))

    settle_at_once(database_url, [[*own, *[[]] * (longest - len(own))] for own in batches])

    assert told(connection, entries, "default") == expected


def test_same_bytes_around_midnight(database_url: str, connection: Rows) -> None:
    """A delivery and its retry that are in the partitions of two days, settled at once: one is a duplicate."""
    midnight = datetime.combine(datetime.now(UTC).date() + timedelta(days=1), time(), UTC)
    midnight_us = round(midnight.timestamp() * 1e6)
    bodies = [push(f"c{number}", number=f"+62812345{number:05}") for number in range(30)]
    firsts = [received_at(entry(body), midnight_us - 30_000_000 + place) for place, body in enumerate(bodies)]
    retries = [received_at(entry(body), midnight_us + 30_000_000 + place) for place, body in enumerate(bodies)]

    settle_at_once(database_url, [[[one] for one in firsts], [[one] for one in retries]])

    assert outcomes(connection) == {"normalised": 30, "duplicate": 30}
    normalised = connection.execute("SELECT push_id FROM airudder.pushes WHERE status = 'normalised'").fetchall()
    assert {row["push_id"] for row in normalised} == {one.uuid for one in firsts}


@pytest.mark.usefixtures("copy_from")
@pytest.mark.parametrize("kind", ["inbound-call", "custom-api"])
def test_retry_after_midnight_is_one(database: Database, connection: Rows, kind: str) -> None:
    """Also of a kind that has a call's id and writes no call."""
    midnight = datetime.combine(datetime.now(UTC).date() + timedelta(days=1), time(), UTC)
    deliveries = [
        received_at(entry_of(kind, push()), round(midnight.timestamp() * 1e6) + seconds * 1_000_000)
        for seconds in (-30, 30)
    ]
    for one in deliveries:
        settle(database, [one])

    assert outcomes(connection) == {"normalised": 1, "duplicate": 1}


def test_same_bytes_on_days_without_partition(database: Database, connection: Rows) -> None:
    """More than a day later the same bytes are a push of their own in the default partition, too."""
    for days in (400, 402):
        settle(database, [entry(push(), later_us=days * DAY_US)])

    assert outcomes(connection) == {"normalised": 2}


def test_late_push_reads_no_further_than_it_must(
    database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of thousands of pushes that name nothing, between a delivery and its retry, a bounded number is read again."""
    monkeypatch.setattr("workers.late.MOST_BETWEEN", 10)
    first = entry(push())
    others = [_nameless(number) for number in range(60)]
    settle(database, [*others, entry(push())])

    settle(database, [first])

    assert outcomes(connection) == {"normalised": 61, "duplicate": 1}
    assert connection.execute("SELECT name FROM airudder.workflows").fetchall() == [{"name": "collections"}]
    assert MOST_BETWEEN >= 1000


def _nameless(number: int) -> Entry:
    return entry({"workflow_id": "w1", "node_id": "n1", "call": {"call_id": f"other {number}"}})
