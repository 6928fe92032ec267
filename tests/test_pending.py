"""Pushes that Postgres stored for want of Redis."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from psycopg import Connection

import workers.sweeper.pending
from ingest.batch import keys
from ingest.batch.entry import encode_entry
from tests.batches import refusing
from tests.clock import Clock
from tests.pushes import entry, hang_on_poison, push
from tests.stored import statuses, store_pending
from workers import settle
from workers.attempts import ATTEMPTS_TOGETHER
from workers.database import Database
from workers.jobs import normalise_batch
from workers.sweeper.chore import REST_SECONDS
from workers.sweeper.loop import Sweeper

Rows = Connection[dict[str, Any]]


def test_pending_pushes_are_settled(sweeper: Sweeper, connection: Rows) -> None:
    """Every pending push gets its outcome in one pass, good or bad, and is counted."""
    for number in range(250):
        store_pending(connection, entry(push(f"c{number}")))
    store_pending(connection, entry(b"not json"))

    assert sweeper.run_once() == 251

    assert statuses(connection) == ["normalised"] * 250 + ["dead"]
    assert connection.execute("SELECT count(*) AS calls FROM airudder.calls").fetchone() == {"calls": 250}


def test_end_of_pending_pushes_is_told(
    sweeper: Sweeper, client: Any, connection: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    """One line when none waits any more, with how many there were; none where there were none."""
    caplog.set_level(logging.INFO)
    store_pending(connection, entry(push("c1")))
    store_pending(connection, entry(push("c2", number="+6281200000000")))
    with refusing(connection, "callees", "NEW.callee_number = '+6281200000000'"):
        assert [bool(sweeper.run_once()) for _ in range(3)] == [True, False, False]

    told = "pending pushes are settled: 1, to be tried again: 1"
    assert [one for one in caplog.messages if "are settled" in one] == [told]


def test_pending_push_in_redis_as_well(sweeper: Sweeper, client: Any, database: Database, connection: Rows) -> None:
    """A push that both Redis and Postgres hold, as Redis's reply was lost, has one row and one outcome."""
    one = entry(push())
    store_pending(connection, one)
    client.rpush(keys.batch("b1"), encode_entry(one))
    client.zadd(keys.BATCHES, {"b1": 1.0})

    sweeper.run_once()
    normalise_batch(client, database, "b1")

    assert statuses(connection) == ["normalised"]


def test_pending_poison_ends_dead(sweeper: Sweeper, connection: Rows) -> None:
    """A pending push that was begun three times without an outcome has ended the sweeper each time: it is dead."""
    store_pending(connection, entry(push("c1")), attempts=2)
    store_pending(connection, entry(push("c2")), attempts=3)

    assert sweeper.run_once() == 2
    assert statuses(connection) == ["normalised", "dead"]


def test_postgres_away_is_no_attempt(client: Any, database_url: str, connection: Rows) -> None:
    """While Postgres cannot take a pending push, for want of a table say, the push waits, however often it is tried."""
    store_pending(connection, entry(push("c1")))
    impatient = Database(database_url, patience_seconds=0)
    sweeper = Sweeper(client, impatient)
    connection.execute("ALTER TABLE airudder.callees RENAME TO callees_gone")
    try:
        assert [sweeper.run_once() for _ in range(5)] == [0] * 5
    finally:
        connection.execute("ALTER TABLE airudder.callees_gone RENAME TO callees")

    assert sweeper.run_once() == 1
    impatient.close()
    assert statuses(connection) == ["normalised"]


def test_refused_push_holds_up_none_behind_it(
    sweeper: Sweeper, clock: Clock, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pending pushes that Postgres refuses, for a reason that may not be theirs, are left alone for a while."""
    monkeypatch.setattr(workers.sweeper.pending, "LIMIT", 3)
    for call_id in ("odd 1", "odd 2", "c1", "c2", "c3"):
        store_pending(connection, entry(push(call_id)))
    with refusing(connection, "calls", "NEW.call_id LIKE 'odd%'"):
        sweeper.run_once()
        assert statuses(connection) == ["pending"] * 2 + ["normalised"] * 3
        assert sweeper.run_once() == 0
    clock.now += REST_SECONDS

    assert sweeper.run_once() == 2
    assert statuses(connection) == ["normalised"] * 5


def test_refusal_of_all_holds_up_none_that_were_tried(sweeper: Sweeper, connection: Rows) -> None:
    """Where every push that was not tried yet is refused, those that were tried have their turn all the same."""
    store_pending(connection, entry(push("odd")))
    store_pending(connection, entry(push("c1")), attempts=ATTEMPTS_TOGETHER)
    with refusing(connection, "calls", "NEW.call_id = 'odd'"):
        assert [sweeper.run_once() for _ in range(2)] == [2, 0]

    rows = connection.execute("SELECT status, attempts FROM airudder.pushes ORDER BY push_id").fetchall()
    assert [(row["status"], row["attempts"]) for row in rows] == [("pending", 0), ("normalised", ATTEMPTS_TOGETHER + 1)]


def test_pending_pushes_are_fed_by_their_bytes(
    sweeper: Sweeper, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more bytes are fed at once than a batch has; a push that is larger is fed alone."""
    fed: list[int] = []
    monkeypatch.setattr(workers.sweeper.pending, "LIMIT_BYTES", 3000)
    monkeypatch.setattr(workers.sweeper.pending, "settle", lambda database, entries, attempt: fed.append(len(entries)))
    for number, size in enumerate((1000, 1500, 1000, 9000, 100)):
        store_pending(connection, entry(b"x" * size, later_us=number))

    sweeper.run_once()

    assert fed == [3, 1, 1]


def test_pending_push_that_hangs_ends_dead(sweeper: Sweeper, connection: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pending push whose normalising does not end is dead after three tries, and its mates go through."""

    monkeypatch.setattr(settle, "normalise", hang_on_poison)
    for one in (entry(push("c1")), entry(push("c2", poison=True)), entry(push("c3"))):
        store_pending(connection, one)

    while "pending" in statuses(connection):
        assert sweeper.run_once() > 0

    assert statuses(connection) == ["normalised", "dead", "normalised"]
