"""Rows that somebody has locked, as a frozen worker or an open psql: the sweeper waits for none of them without end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from ingest import session
from ingest.batch import keys
from ingest.batch.entry import Entry, encode_entry
from tests.clock import Clock
from tests.logins import Logins
from tests.processes import running, wait_until
from tests.pushes import entry, push
from tests.servers import redis_set_to
from tests.stored import statuses, store_pending
from workers.attempts import ATTEMPTS_TOGETHER
from workers.database import Database
from workers.sweeper.chore import REST_SECONDS
from workers.sweeper.loop import Sweeper

Rows = Connection[dict[str, Any]]


@pytest.fixture
def sweeper(client: Any, logins: Logins, connection: Rows, clock: Clock) -> Iterator[Sweeper]:
    """One with the session of the sweeper's process."""
    with closing(Database(logins.worker, patience_seconds=1, settings=session.SWEEPER)) as database:
        yield Sweeper(client, database, clock)


@contextmanager
def locked(database_url: str, one: Entry) -> Iterator[None]:
    """The row of a push is locked by another connection in the block."""
    with psycopg.connect(database_url) as other:
        found = other.execute("SELECT FROM airudder.pushes WHERE push_id = %s FOR UPDATE", [one.uuid])
        assert found.rowcount == 1
        yield


def test_locked_push_holds_up_none_behind_it(
    sweeper: Sweeper, database_url: str, connection: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are settled, and every other chore is done; it follows when its lock is gone. Nobody is told before
    that all are settled."""
    caplog.set_level(logging.INFO)
    pushes = [entry(push(f"c{number}")) for number in range(4)]
    for one in pushes:
        store_pending(connection, one)

    with locked(database_url, pushes[1]):
        assert sweeper.run_once() == 3
        assert statuses(connection) == ["normalised", "pending", "normalised", "normalised"]
        assert sweeper.run_once() == 0
    assert not [one for one in caplog.messages if " wait: " in one or "are settled" in one]

    assert [sweeper.run_once() for _ in range(2)] == [1, 0]
    assert statuses(connection) == ["normalised"] * 4
    assert "pending pushes are settled: 4" in caplog.messages


def test_attempt_at_a_locked_push_is_taken_back_later(sweeper: Sweeper, database_url: str, connection: Rows) -> None:
    """Postgres could not take it, and somebody has locked it since: others are settled, and it counts no attempt."""
    first, second = entry(push("c1")), entry(push("c2"))
    store_pending(connection, first)
    connection.execute("ALTER TABLE airudder.callees RENAME TO callees_gone")
    try:
        assert sweeper.run_once() == 0
    finally:
        connection.execute("ALTER TABLE airudder.callees_gone RENAME TO callees")
    store_pending(connection, second)

    with locked(database_url, first):
        assert sweeper.run_once() == 1
        assert statuses(connection) == ["pending", "normalised"]
    assert sweeper.run_once() == 1

    assert statuses(connection) == ["normalised", "normalised"]
    tried = connection.execute("SELECT attempts FROM airudder.pushes").fetchall()
    assert [row["attempts"] for row in tried] == [1, 1]


@pytest.mark.parametrize("attempts", [0, ATTEMPTS_TOGETHER], ids=["together", "alone"])
def test_locked_call_holds_up_no_other(
    client: Any, database_url: str, connection: Rows, clock: Clock, attempts: int
) -> None:
    """Somebody has locked a call that pending pushes tell of: these wait, and those of other calls are settled."""
    settings = {**session.SWEEPER, "lock_timeout": "500ms"}
    with closing(Database(database_url, patience_seconds=0.5, settings=settings)) as database:
        sweeper = Sweeper(client, database, clock)
        store_pending(connection, entry(push("c1")))
        sweeper.run_once()
        for number, call_id in enumerate(("c1", "c1", "c2", "c3")):
            store_pending(connection, entry(push(call_id, serial=number)), attempts)
        with psycopg.connect(database_url) as other:
            other.execute("SELECT FROM airudder.calls WHERE call_id = 'c1' FOR UPDATE")
            sweeper.run_once()
            assert statuses(connection) == ["normalised", "pending", "pending", "normalised", "normalised"]
        clock.now += REST_SECONDS
        sweeper.run_once()

    assert statuses(connection) == ["normalised"] * 5
    tried = connection.execute("SELECT DISTINCT attempts FROM airudder.pushes WHERE attempts > 1").fetchall()
    assert [row["attempts"] for row in tried] == ([ATTEMPTS_TOGETHER + 1] if attempts else [])


@pytest.mark.usefixtures("environment")
def test_locked_push_of_a_full_redis_holds_up_no_other_chore(client: Any, database_url: str, connection: Rows) -> None:
    """A batch cannot be moved to Postgres, as a push of it is locked there: the sweeper's process settles others."""
    both, other = entry(push("c1")), entry(push("c2"))
    for one in (both, other):
        store_pending(connection, one)
    client.rpush(keys.batch("b1"), encode_entry(both))
    client.zadd(keys.BATCHES, {"b1": 1.0})

    with redis_set_to(client, maxmemory="1"), locked(database_url, both), running("sweeper"):
        wait_until(lambda: statuses(connection) == ["pending", "normalised"], "the other one is settled")
        assert client.zcard(keys.BATCHES) == 1
