"""The partitions of the coming days, beside whatever lies in the default one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import Connection

import workers.sweeper.partitions
from ingest.errors import PostgresAwayError, RefusedError
from tests.clock import Clock
from tests.processes import wait_until
from tests.pushes import entry, push
from workers import statements
from workers.database import Database
from workers.settle import settle
from workers.sweeper.partitions import UNREAD_REST_SECONDS, Partitions

Rows = Connection[dict[str, Any]]

FILL = """
INSERT INTO airudder.pushes (push_id, received_at, source, kind, body)
SELECT gen_random_uuid(), %s, 's', 'k', decode(repeat('ab', 1000), 'hex') FROM generate_series(1, %s)
"""


def day(ahead: int) -> date:
    """The UTC day so many days after today."""
    return datetime.now(UTC).date() + timedelta(days=ahead)


def name_of(ahead: int) -> str:
    """The name of its partition."""
    return f"pushes_{day(ahead):%Y_%m_%d}"


def noon(ahead: int) -> datetime:
    """The middle of it."""
    return datetime(day(ahead).year, day(ahead).month, day(ahead).day, 12, tzinfo=UTC)


def made(connection: Rows) -> list[int]:
    """Of which days from today on there are partitions."""
    inherits = "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid"
    found = {row["relname"] for row in connection.execute(inherits)}
    return [ahead for ahead in range(8) if name_of(ahead) in found]


def in_default(connection: Rows) -> int:
    """How many rows lie in the default partition."""
    (row,) = connection.execute("SELECT count(*) AS pushes FROM airudder.pushes_default").fetchall()
    return int(row["pushes"])


@pytest.fixture
def missing(connection: Rows) -> Iterator[None]:
    """No partitions of today and the week ahead, until the end."""
    for ahead in range(8):
        connection.execute(f"DROP TABLE IF EXISTS airudder.{name_of(ahead)}")
    yield
    connection.execute("TRUNCATE airudder.pushes")
    for ahead in range(8):
        connection.execute("SELECT airudder.ensure_pushes_partition(%s)", [day(ahead)])


@pytest.mark.parametrize("strangers", [0, 5], ids=["", "with a wrong clock's"])
def test_day_of_many_rows_is_left(missing: None, database: Database, connection: Rows, strangers: int) -> None:
    """A day whose pushes came while nobody made partitions stays in the default one; the days to come have theirs, and
    the few pushes that a wrong clock has put there are moved."""
    connection.execute(FILL, [noon(0), 600])
    connection.execute(FILL, [noon(3), strangers])

    for _ in range(2):
        Partitions(database).run_once()
        assert made(connection) == [1, 2, 3, 4, 5, 6, 7]
        assert in_default(connection) == 600


def test_large_default_is_read_without_a_lock(missing: None, database: Database, connection: Rows) -> None:
    """Where the default partition is large it is read before anything is locked, of which nothing is left behind. The
    days of which it has many rows, today or later, stand in nobody's way."""
    for ahead in (0, 4):
        connection.execute(FILL, [noon(ahead), 20_000])

    Partitions(database).run_once()

    assert made(connection) == [1, 2, 3, 5, 6, 7]
    assert in_default(connection) == 40_000
    checks = "SELECT conname FROM pg_constraint WHERE conrelid = 'airudder.pushes_default'::regclass AND contype = 'c'"
    parents = "SELECT conname FROM pg_constraint WHERE conrelid = 'airudder.pushes'::regclass AND contype = 'c'"
    assert connection.execute(checks).rowcount == connection.execute(parents).rowcount


def test_default_that_is_not_read_in_time(
    missing: None, database: Database, connection: Rows, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the default partition takes too long to be read, that is tried once an hour, and no day is left closed. The
    days whose partitions are there are seen to, by the session that has the sweeper's lock."""
    connection.execute("SELECT airudder.ensure_pushes_partition(%s)", [day(7)])
    connection.execute(f"DROP INDEX airudder.{name_of(7)}_news")
    connection.execute(FILL, [noon(0), 40_000])
    constraints = "SELECT FROM pg_constraint WHERE conrelid = 'airudder.pushes_default'::regclass AND contype = 'c'"
    before = connection.execute(constraints).rowcount
    partitions = Partitions(database, clock)
    session = database.run(lambda own: own.info.backend_pid)

    with monkeypatch.context() as patch:
        patch.setattr(workers.sweeper.partitions, "CHECK_LIMIT", "SET LOCAL statement_timeout = '1ms'")
        with pytest.raises(RefusedError, match=f"{name_of(6)} is not made: pushes_default is not read within"):
            partitions.run_once()
    index = f"SELECT FROM pg_class WHERE relname = '{name_of(7)}_news'"
    assert connection.execute(index).rowcount == 1
    assert connection.execute(constraints).rowcount == before
    assert database.run(lambda own: own.info.backend_pid) == session

    with pytest.raises(RefusedError, match=name_of(6)):
        partitions.run_once()
    assert made(connection) == [7]
    clock.now += UNREAD_REST_SECONDS
    partitions.run_once()
    assert made(connection) == [1, 2, 3, 4, 5, 6, 7]


def test_push_for_a_day_that_is_being_made(
    missing: None, database: Database, database_url: str, connection: Rows
) -> None:
    """While the default partition is closed to a day a push of that day waits, and is no dead letter."""
    database.run(lambda held: held.execute(statements.CLOSE_DEFAULT_TO, {"day": day(2)}))
    late = entry(push(), later_us=2 * 24 * 3600 * 1_000_000)
    with pytest.raises(RefusedError):
        settle(database, [late])

    Partitions(database).run_once()
    settle(database, [late])

    assert connection.execute("SELECT status FROM airudder.pushes").fetchall() == [{"status": "normalised"}]
    assert made(connection) == list(range(8))


def test_reader_is_waited_for_once(
    missing: None, database: Database, database_url: str, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a report that holds the tables one lock is tried, for a while, and the other days are not."""
    monkeypatch.setattr(statements, "WAIT_FOR_LOCKS_BRIEFLY", "SET LOCAL lock_timeout = '2s'")
    waits = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%ensure_pushes_partition%%'"
    with psycopg.connect(database_url) as report, ThreadPoolExecutor() as thread:
        report.execute("SELECT FROM airudder.pushes")
        trial = thread.submit(Partitions(database).run_once)
        wait_until(lambda: connection.execute(waits).fetchall(), "the sweeper waits")
        with pytest.raises(PostgresAwayError, match="LockNotAvailable"):
            trial.result()
    assert made(connection) == []


def test_one_days_failure_is_its_own(missing: None, database: Database, connection: Rows) -> None:
    """What stands in the way of one day keeps no other from its partition."""
    connection.execute(FILL, [noon(2), 3])
    connection.execute("ALTER TABLE airudder.pushes ADD CONSTRAINT refused CHECK (source <> 's') NOT VALID")
    try:
        with pytest.raises(RefusedError, match="CheckViolation"):
            Partitions(database).run_once()
    finally:
        connection.execute("ALTER TABLE airudder.pushes DROP CONSTRAINT refused")

    assert made(connection) == [0, 1, 3, 4, 5, 6, 7]
