"""Retention: old partitions and transcripts go, what is pending or young stays, and nobody waits for it."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import Connection

import workers.sweeper.old_pushes
import workers.sweeper.old_transcripts
from ingest.batch import keys
from ops.commands.reconcile import reconcile
from tests.clock import Clock
from tests.processes import ingest, running, wait_until
from tests.pushes import entry, push
from tests.stored import store_pending
from workers.database import Database
from workers.settle import settle
from workers.sweeper.chore import REST_SECONDS, Guard
from workers.sweeper.loop import Sweeper
from workers.sweeper.old_pushes import OldPushes
from workers.sweeper.old_transcripts import OldTranscripts
from workers.sweeper.retention import BUDGET_SECONDS, EVERY_SECONDS

Rows = Connection[dict[str, Any]]

DAY_US = 24 * 3600 * 1_000_000


@pytest.fixture
def partitions(connection: Rows) -> Iterator[None]:
    """Partitions of the ten days before today."""
    before = partition_names(connection)
    connection.execute(
        "SELECT airudder.ensure_pushes_partition((now() AT TIME ZONE 'UTC')::date - ago) "
        "FROM generate_series(1, 10) AS ago"
    )
    yield
    for name in partition_names(connection) - before:
        connection.execute(f"DROP TABLE airudder.{name}")


def partition_names(connection: Rows) -> set[str]:
    """The partitions that there are."""
    found = connection.execute(
        "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'airudder.pushes'::regclass"
    )
    return {row["relname"] for row in found}


def has_partition(connection: Rows, days_ago: int) -> bool:
    """Whether there is one of the day so many days before today."""
    return f"pushes_{datetime.now(UTC) - timedelta(days=days_ago):%Y_%m_%d}" in partition_names(connection)


def store(connection: Rows, days_ago: int, status: str = "duplicate") -> None:
    """A push that came so many days ago, and what became of it."""
    one = entry(push(), later_us=-days_ago * DAY_US)
    connection.execute(
        "INSERT INTO airudder.pushes (push_id, received_at, source, kind, body, status, error, error_path) "
        "VALUES (%s, %s, 'default', 'custom-api', %s, %s, 'why', 'where')",
        (one.uuid, one.received_at, one.body, status),
    )


def ages(connection: Rows) -> list[int]:
    """Of all pushes that are left, how many days ago each came."""
    found = connection.execute(
        "SELECT (extract(epoch FROM now() - received_at) / 86400)::integer AS days "
        "FROM airudder.pushes ORDER BY received_at DESC"
    )
    return [row["days"] for row in found]


def enforce(database: Database, clock: Clock, pushes: int | None = None, turns: int | None = None) -> None:
    """One pass of a retention that has just started."""
    OldPushes(database, clock, pushes).run_once()
    OldTranscripts(database, clock, turns).run_once()


def test_old_partitions_are_dropped(database: Database, clock: Clock, connection: Rows, partitions: None) -> None:
    """A day goes, dead letters and all, once the whole of it is older; today's and the days between stay."""
    for days_ago, status in ((0, "duplicate"), (3, "duplicate"), (4, "duplicate"), (4, "dead"), (10, "duplicate")):
        store(connection, days_ago, status)

    enforce(database, clock, pushes=3)

    assert ages(connection) == [0, 3]
    assert [days for days in range(11) if has_partition(connection, days)] == [0, 1, 2, 3]
    (noted,) = connection.execute("SELECT * FROM airudder.retention").fetchall()
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    assert (noted["what"], noted["removed"]) == ("pushes", 3)
    assert noted["cleared_before"] == midnight - timedelta(days=3)


def test_everything_is_kept_by_default(database: Database, clock: Clock, connection: Rows, partitions: None) -> None:
    """Without the settings nothing is removed, however old."""
    store(connection, 10)
    settle(database, [entry(push(), later_us=-1000 * DAY_US)])

    enforce(database, clock)

    assert ages(connection) == [10, 1000]
    assert connection.execute("SELECT count(*) AS turns FROM airudder.call_turns").fetchone() == {"turns": 2}


def test_events_go_with_their_pushes(
    database: Database, clock: Clock, connection: Rows, partitions: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What befell a push is forgotten once its day is dropped; of a day that is kept it stays."""
    monkeypatch.setattr("workers.sweeper.old_pushes.PUSHES", 2)
    settle(database, [entry(b"[]", later_us=-days * DAY_US) for days in (2, 4, 4, 4, 5)])
    store_pending(connection, entry(push(), later_us=-5 * DAY_US))

    enforce(database, clock, pushes=3)

    left = connection.execute("SELECT received_at FROM airudder.push_events ORDER BY 1").fetchall()
    assert [(datetime.now(UTC) - row["received_at"]).days for row in left] == [5, 2]


def test_pending_push_keeps_its_partition(
    database: Database, clock: Clock, connection: Rows, partitions: None, caplog: pytest.LogCaptureFixture
) -> None:
    """A day with a push that has no outcome yet is kept, and that is said; it goes when the push has one."""
    store(connection, 5)
    store_pending(connection, entry(push(), later_us=-5 * DAY_US))

    enforce(database, clock, pushes=2)
    assert ages(connection) == [5, 5]
    assert "are kept, as some of them are pending" in caplog.text

    connection.execute("UPDATE airudder.pushes SET status = 'duplicate'")
    enforce(database, clock, pushes=2)
    assert ages(connection) == []


def test_replay_in_the_last_moment_keeps_the_partition(database_url: str, connection: Rows, partitions: None) -> None:
    """A dead letter that is replayed while its day is about to be dropped is not lost."""
    store(connection, 5, "dead")
    day = (datetime.now(UTC) - timedelta(days=5)).date()
    dropped: list[Any] = []

    def drop() -> None:
        with psycopg.connect(database_url, autocommit=True) as sweeper:
            while not dropped:
                # The one whose commit is waited for gives its locks back one by one: the next look finds all free.
                with suppress(psycopg.errors.LockNotAvailable):
                    dropped.extend(sweeper.execute("SELECT airudder.drop_pushes_partition(%s)", [day]).fetchall())

    with psycopg.connect(database_url) as replay:
        replay.execute("UPDATE airudder.pushes SET status = 'pending' WHERE status = 'dead'")
        thread = threading.Thread(target=drop)
        thread.start()
        waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%drop_pushes%'"
        wait_until(lambda: connection.execute(waiting).rowcount, "the day waits to be dropped")
        replay.commit()
        thread.join()

    assert dropped == [(None,)]
    assert ages(connection) == [5]


def test_pushes_without_partition_are_deleted(
    database: Database, clock: Clock, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pushes of days that never had a partition go as well, portion by portion; pending ones stay."""
    monkeypatch.setattr(workers.sweeper.old_pushes, "PUSHES", 2)
    for days_ago in (100, 100, 101, 102, 103):
        store(connection, days_ago)
    store_pending(connection, entry(push(), later_us=-104 * DAY_US))

    enforce(database, clock, pushes=99)

    assert ages(connection) == [104]
    (noted,) = connection.execute("SELECT * FROM airudder.retention").fetchall()
    assert noted["removed"] == 5


@pytest.mark.parametrize("days_ago", [-1, 0, 1])
def test_day_of_redeliveries_is_never_dropped(connection: Rows, partitions: None, days_ago: int) -> None:
    """Whoever asks, the partitions by which redeliveries are told, and those to come, stay."""
    day = (datetime.now(UTC) - timedelta(days=days_ago)).date()

    answered = connection.execute("SELECT airudder.drop_pushes_partition(%s) AS dropped", [day]).fetchone()

    assert answered == {"dropped": None}
    assert has_partition(connection, days_ago)


def test_missing_partition_is_no_error(connection: Rows) -> None:
    """A day that has no partition, as another sweeper dropped it, is nothing to drop."""
    assert connection.execute("SELECT airudder.drop_pushes_partition('2020-01-01') AS dropped").fetchone() == {
        "dropped": None
    }


def test_held_table_is_left_alone_for_a_while(
    database_url: str, database: Database, clock: Clock, connection: Rows, partitions: None
) -> None:
    """While a long report reads the pushes nothing is dropped, and it is tried again after a rest."""
    chore = Guard(OldPushes(database, clock, 3), clock)
    store(connection, 5)
    store(connection, 100)
    with Connection.connect(database_url) as report:
        report.execute("SELECT count(*) FROM airudder.pushes")
        chore.run_if_due()
        assert ages(connection) == [5], "what is in no partition needs no lock"
    chore.run_if_due()
    assert has_partition(connection, 5)

    clock.now += REST_SECONDS
    chore.run_if_due()
    assert not has_partition(connection, 5)


def test_day_that_cannot_be_dropped_keeps_no_other(
    database: Database, clock: Clock, connection: Rows, partitions: None, caplog: pytest.LogCaptureFixture
) -> None:
    """A customer's view on the oldest day keeps that day alone, which is said."""
    oldest = f"airudder.pushes_{datetime.now(UTC) - timedelta(days=10):%Y_%m_%d}"
    connection.execute(f"CREATE VIEW public.theirs AS SELECT push_id FROM {oldest}")
    try:
        Guard(OldPushes(database, clock, 3), clock).run_if_due()
    finally:
        connection.execute("DROP VIEW public.theirs")

    assert [days for days in range(11) if has_partition(connection, days)] == [0, 1, 2, 3, 10]
    assert "old pushes wait: Postgres refuses: DependentObjectsStillExist" in caplog.text


def test_retention_looks_once_an_hour(database: Database, clock: Clock, connection: Rows, partitions: None) -> None:
    """Between two looks it costs nothing."""
    chore = Guard(OldPushes(database, clock, 3), clock)
    chore.run_if_due()
    connection.execute("SELECT airudder.ensure_pushes_partition((now() AT TIME ZONE 'UTC')::date - 9)")

    chore.run_if_due()
    assert has_partition(connection, 9)
    clock.now += EVERY_SECONDS
    chore.run_if_due()
    assert not has_partition(connection, 9)


def call_from(started_at: str | None, call_id: str) -> dict[str, Any]:
    """A push with two turns, of a call that began then."""
    body = push(call_id)
    body["call"]["call_start_time"] = started_at
    return body


@pytest.mark.parametrize("portion", [2, 100])
def test_old_transcripts_are_cleared(
    database: Database, clock: Clock, connection: Rows, monkeypatch: pytest.MonkeyPatch, portion: int
) -> None:
    """The turns of calls that began, or where that is unknown came in, long enough ago go; the calls stay."""
    monkeypatch.setattr(workers.sweeper.old_transcripts, "ROWS", portion)
    young = f"{datetime.now(UTC) - timedelta(days=29):%Y-%m-%dT%H:%M:%SZ}"
    old = f"{datetime.now(UTC) - timedelta(days=31):%Y-%m-%dT%H:%M:%SZ}"
    settle(
        database,
        [
            *(entry(call_from(old, f"old {number}")) for number in range(5)),
            entry(call_from("2005-01-01T00:00:00Z", "ancient")),
            *(entry(call_from(f"{year}-01-01T00:00:00Z", f"no time {year}")) for year in ("0001", "1970")),
            *(entry(call_from(None, f"undated {number}"), later_us=-31 * DAY_US) for number in range(2)),
            entry(call_from("2090-01-01T00:00:00Z", "of the future"), later_us=-31 * DAY_US),
            entry(call_from(young, "young")),
            entry(call_from(None, "young and undated"), later_us=-29 * DAY_US),
        ],
    )

    enforce(database, clock, turns=30)

    kept = connection.execute("SELECT call_id, count(*) AS turns FROM airudder.call_turns GROUP BY 1 ORDER BY 1")
    assert [(row["call_id"], row["turns"]) for row in kept] == [
        ("no time 0001", 2),
        ("no time 1970", 2),
        ("young", 2),
        ("young and undated", 2),
    ]
    assert connection.execute("SELECT count(*) AS calls FROM airudder.calls").fetchone() == {"calls": 13}
    (noted,) = connection.execute("SELECT what, removed FROM airudder.retention").fetchall()
    assert noted == {"what": "turns", "removed": 18}


def test_late_transcript_is_cleared_too(database: Database, clock: Clock, connection: Rows) -> None:
    """A push that brings an old call's transcript after its time, as a replay may, is cleared by the next look."""
    transcripts = OldTranscripts(database, clock, 30)
    settle(database, [entry(call_from("2026-01-02T00:00:00Z", "c1"))])
    transcripts.run_once()
    again = {**call_from("2026-01-02T00:00:00Z", "c1"), "serial": 2}
    settle(database, [entry(call_from("2026-01-01T00:00:00Z", "c2")), entry(again)])
    assert connection.execute("SELECT count(*) AS turns FROM airudder.call_turns").fetchone() == {"turns": 4}

    transcripts.run_once()

    assert connection.execute("SELECT count(*) AS turns FROM airudder.call_turns").fetchone() == {"turns": 0}


def test_much_to_remove_takes_several_passes(
    database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not fit into a pass is removed in the next, and others have their turn between."""
    monkeypatch.setattr(workers.sweeper.old_transcripts, "ROWS", 1)
    ticks = itertools.count(step=2)
    transcripts = OldTranscripts(database, lambda: next(ticks), 30)
    settle(database, [entry(call_from("2026-01-01T00:00:00Z", f"c{number}")) for number in range(5)])
    left = []

    for _ in range(4):
        transcripts.run_once()
        (row,) = connection.execute("SELECT count(DISTINCT call_id) AS calls FROM airudder.call_turns").fetchall()
        left.append(row["calls"])

    assert 5 > left[0] > left[1] > 0 == left[-1]


def test_slow_statement_is_not_repeated_before_the_others(database: Database, connection: Rows) -> None:
    """Where one look at a table takes longer than a pass, the next pass goes on with what comes behind."""
    ticks = itertools.count(step=0.6 * BUDGET_SECONDS)
    transcripts = OldTranscripts(database, lambda: next(ticks), 30)
    settle(database, [entry(call_from(None, "undated"), later_us=-31 * DAY_US)])

    assert [transcripts.run_once() for _ in range(20)].count(0) > 1

    assert connection.execute("SELECT count(*) AS turns FROM airudder.call_turns").fetchone() == {"turns": 0}


def test_call_in_a_workers_hands_is_passed_by(
    database_url: str, database: Database, clock: Clock, connection: Rows
) -> None:
    """A call that a worker writes at the moment is not waited for: the next look sees to it."""
    settle(database, [entry(call_from("2026-01-01T00:00:00Z", call_id)) for call_id in ("c1", "c2")])
    with psycopg.connect(database_url) as worker:
        worker.execute("SELECT FROM airudder.calls WHERE call_id = 'c1' FOR UPDATE")
        enforce(database, clock, turns=30)

    kept = connection.execute("SELECT DISTINCT call_id FROM airudder.call_turns").fetchall()
    assert kept == [{"call_id": "c1"}]


@pytest.mark.usefixtures("within_an_hour", "environment")
def test_reconcile_does_not_miss_what_was_dropped(
    client: Any, database: Database, clock: Clock, connection: Rows, partitions: None
) -> None:
    """Hours whose pushes were dropped are not judged; those that are kept are."""
    for days_ago in (2, 5):
        store(connection, days_ago)
        hour = f"{datetime.now(UTC) - timedelta(days=days_ago):%Y-%m-%dT%H}"
        client.hset(keys.acknowledged(hour), "default", 2)
    connection.execute("UPDATE airudder.pushes SET through_redis = true")
    assert [hour.difference for hour in reconcile(client, connection)] == [1, 1]

    enforce(database, clock, pushes=3)

    assert [hour.difference for hour in reconcile(client, connection)] == [1]


@pytest.mark.usefixtures("environment")
def test_sweeper_process_enforces_and_status_tells(
    connection: Rows, database: Database, partitions: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings reach the sweeper; `status` shows the oldest push that is kept and what was removed."""
    monkeypatch.setenv("INGEST_RETENTION_DAYS", "3")
    monkeypatch.setenv("INGEST_TRANSCRIPT_DAYS", "30")
    for days_ago in (2, 5):
        store(connection, days_ago)
    settle(database, [entry(call_from("2026-01-01T00:00:00Z", "c1"))])

    with running("sweeper"):
        wait_until(
            lambda: len(connection.execute("SELECT FROM airudder.retention").fetchall()) == 2, "both are enforced"
        )

    kept = json.loads(ingest("status", "--json").stdout)["postgres"]["kept"]
    oldest = datetime.fromisoformat(kept["oldest_push"])
    assert timedelta(days=2) < datetime.now(UTC) - oldest < timedelta(days=3)
    assert (kept["pushes_removed"], kept["turns_removed"]) == (1, 2)
    assert f"oldest push {oldest:%Y-%m-%d}" in ingest("status").stdout


def test_sweeper_keeps_by_default(client: Any, database: Database, connection: Rows, partitions: None) -> None:
    """A sweeper that was told nothing drops nothing."""
    store(connection, 10)

    Sweeper(client, database).run_once()

    assert ages(connection) == [10]
