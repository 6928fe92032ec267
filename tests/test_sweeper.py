"""The sweeper's passes, one `run_once` at a time, on real servers: no chore holds up another."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection
from redis import Redis

import workers.sweeper.pending
from ingest.batch import keys
from tests.batches import batch_without_job
from tests.clock import Clock
from tests.pushes import entry, push
from tests.stored import statuses, store_pending
from workers.database import Database
from workers.sweeper.chore import REST_SECONDS, Chore, Guard
from workers.sweeper.loop import Sweeper
from workers.sweeper.lost_batches import GRACE_SECONDS
from workers.sweeper.partitions import Partitions
from workers.sweeper.retention import Days

Rows = Connection[dict[str, Any]]


def test_held_table_hinders_partitions_alone(
    sweeper: Sweeper, client: Any, clock: Clock, database_url: str, connection: Rows
) -> None:
    """While a long report keeps a partition from being made, pushes and batches are seen to all the same."""
    day = "(now() AT TIME ZONE 'UTC')::date + 7"
    missing = connection.execute(f"SELECT 'airudder.pushes_' || to_char({day}, 'YYYY_MM_DD') AS name").fetchone()
    assert missing
    connection.execute(f"DROP TABLE IF EXISTS {missing['name']}")
    store_pending(connection, entry(push("c1")))
    batch_without_job(client)
    with Connection.connect(database_url) as report:
        report.execute("SELECT count(*) FROM airudder.pushes")
        assert sweeper.run_once() == 1
        clock.now += GRACE_SECONDS
        assert sweeper.run_once() == 1
    clock.now += REST_SECONDS

    sweeper.run_once()

    assert connection.execute("SELECT to_regclass(%s) IS NOT NULL AS made", [missing["name"]]).fetchone() == {
        "made": True
    }


def test_lost_batches_do_not_wait_for_pending(
    client: Any, database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many pending pushes take several passes, and what is in Redis is looked after in each."""
    monkeypatch.setattr(workers.sweeper.pending, "LIMIT", 1)
    # Every look at this clock takes four seconds: two rounds fit into a pass.
    ticks = itertools.count(step=4)
    sweeper = Sweeper(client, database, clock=lambda: next(ticks))
    for number in range(3):
        store_pending(connection, entry(push(f"c{number}")))

    assert [sweeper.run_once() for _ in range(3)] == [2, 1, 0]


def test_redis_away_hinders_nothing_else(database: Database, connection: Rows) -> None:
    """Without Redis, pending pushes are settled all the same: that is when there are any."""
    store_pending(connection, entry(push()))
    sweeper = Sweeper(Redis.from_url("redis://127.0.0.1:1/0"), database)

    assert sweeper.run_once() == 1
    assert statuses(connection) == ["normalised"]


def test_failing_chore_holds_up_no_other(
    client: Any, database: Database, clock: Clock, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong in one chore, as of what somebody has put into Redis, is told of, and the others are done."""
    monkeypatch.setattr(Partitions, "run_once", lambda _: 1 // 0)
    client.zadd(keys.BATCHES, {b"\xff": 1.0})
    store_pending(connection, entry(push()))
    retention = datetime.now(UTC) - timedelta(days=3)
    connection.execute(
        "INSERT INTO airudder.pushes (push_id, received_at, source, kind, body, status) "
        "VALUES (gen_random_uuid(), %s, 's', 'k', '', 'duplicate')",
        [retention],
    )

    assert Sweeper(client, database, clock, Days(pushes=1)).run_once() == 1

    assert statuses(connection) == ["normalised"]


def test_failure_is_told_once_a_minute(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """A chore that fails each time, without a rest, fills no log; the error's text is not in it."""

    class Failing(Chore):
        name = "this and that"

        def run_once(self) -> int:
            raise ValueError("Budi")

    guard = Guard(Failing(), clock)
    for _ in range(10):
        assert guard.run_if_due() == 0
        clock.now += REST_SECONDS / 5

    assert caplog.text.count("this and that wait: ValueError at run_once") == 2
    assert "Budi" not in caplog.text


def test_last_duration_stays(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several runs between two questions the longest is told; while there is none, the last one."""
    durations = iter([3.0, 5.0, 4.0, 2.0])
    timer = Clock()
    monkeypatch.setattr(time, "monotonic", timer)

    class Lasting(Chore):
        name = "this and that"

        def run_once(self) -> int:
            timer.now += next(durations)
            return 0

    guard = Guard(Lasting(), clock)
    told = []
    for runs in (0, 3, 0, 0, 1, 0):
        for _ in range(runs):
            guard.run_if_due()
        told.append(guard.take_doing()["seconds"])

    assert told == [0, 5, 5, 5, 2, 2]


def test_second_sweeper_stands_by(sweeper: Sweeper, client: Any, database_url: str, connection: Rows) -> None:
    """While another holds the advisory lock a sweeper does nothing; afterwards it works."""
    store_pending(connection, entry(push()))
    other = Database(database_url, patience_seconds=0)
    lock, unlock = "SELECT pg_advisory_lock(hashtext(%s))", "SELECT pg_advisory_unlock(hashtext(%s))"
    other.run(lambda held: held.execute(lock, ["airudder-ingest sweeper"]))

    assert sweeper.run_once() == 0
    other.run(lambda held: held.execute(unlock, ["airudder-ingest sweeper"]))
    assert sweeper.run_once() == 1
    other.close()


def test_partitions_are_made_ahead(sweeper: Sweeper, connection: Rows) -> None:
    """A pass makes the partitions of the coming week where they are missing."""
    week = (
        "SELECT count(to_regclass('airudder.pushes_' || to_char((now() AT TIME ZONE 'UTC')::date + ahead, "
        "'YYYY_MM_DD'))) AS made FROM generate_series(0, 7) AS ahead"
    )
    missing = connection.execute(
        "SELECT 'airudder.pushes_' || to_char((now() AT TIME ZONE 'UTC')::date + 5, 'YYYY_MM_DD') AS name"
    ).fetchone()
    assert missing
    connection.execute(f"DROP TABLE IF EXISTS {missing['name']}")
    assert connection.execute(week).fetchone() != {"made": 8}

    sweeper.run_once()

    assert connection.execute(week).fetchone() == {"made": 8}
