"""The sweeper's passes, one `run_once` at a time, on real servers."""

from __future__ import annotations

import itertools
import time
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from redis import Redis

import workers.sweeper.frozen
import workers.sweeper.pending
from ingest.batch import keys
from ingest.batch.entry import Entry, encode_entry
from ingest.batch.queue import enqueue_batch, normalise_queue
from tests.batches import refusing
from tests.logins import Logins
from tests.processes import wait_until
from tests.pushes import entry, hang_on_poison, push
from tests.servers import redis_set_to
from workers import settle
from workers.database import Database
from workers.jobs import normalise_batch
from workers.statements import LOCK_SWEEPER
from workers.sweeper.chore import REST_SECONDS, Chore
from workers.sweeper.loop import GRACE_SECONDS, Sweeper
from workers.sweeper.partitions import Partitions
from workers.sweeper.retention import Days

Rows = Connection[dict[str, Any]]


class Clock:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Seconds, from nowhere in particular."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Time as the sweeper sees it."""
    return Clock()


@pytest.fixture
def sweeper(client: Any, database: Database, clock: Clock) -> Sweeper:
    """A sweeper that has just started."""
    return Sweeper(client, database, clock)


def batch_without_job(client: Any, batch_id: str = "b1") -> None:
    """A batch that RQ knows nothing of."""
    client.rpush(keys.batch(batch_id), encode_entry(entry(push())))
    client.zadd(keys.BATCHES, {batch_id: 1.0})


def store_pending(connection: Rows, one: Entry, attempts: int = 0) -> None:
    """A push as web leaves it when Redis is away."""
    connection.execute(
        "INSERT INTO airudder.pushes (push_id, received_at, source, kind, body, status, attempts) "
        "VALUES (%s, %s, %s, %s, %s, 'pending', %s)",
        (one.uuid, one.received_at, one.source, one.kind, one.body, attempts),
    )


def statuses(connection: Rows) -> list[str]:
    """The outcome of every push, oldest first."""
    return [row["status"] for row in connection.execute("SELECT status FROM airudder.pushes ORDER BY push_id")]


def test_lost_batch_is_enqueued_again(sweeper: Sweeper, client: Any, clock: Clock) -> None:
    """A batch without a job is enqueued once it has been missing for the grace time, and once only."""
    batch_without_job(client)

    assert sweeper.run_once() == 0
    clock.now += GRACE_SECONDS
    assert sweeper.run_once() == 1
    clock.now += GRACE_SECONDS
    assert sweeper.run_once() == 0
    assert normalise_queue(client).get_job_ids() == ["b1"]


def test_queued_batch_is_left_alone(sweeper: Sweeper, client: Any, clock: Clock) -> None:
    """A batch whose job waits in the queue is not lost, however long it waits."""
    batch_without_job(client)
    with client.pipeline() as pipeline:
        enqueue_batch(normalise_queue(client), "b1", pipeline)
        pipeline.execute()

    for _ in range(3):
        assert sweeper.run_once() == 0
        clock.now += GRACE_SECONDS


def test_leased_batch_is_left_alone(sweeper: Sweeper, client: Any, clock: Clock) -> None:
    """A batch that a worker is at is not lost; it is when the lease has run out."""
    batch_without_job(client)
    client.set(keys.lease("b1"), "elsewhere:1")
    for _ in range(3):
        assert sweeper.run_once() == 0
        clock.now += GRACE_SECONDS

    client.delete(keys.lease("b1"))
    assert sweeper.run_once() == 0
    clock.now += GRACE_SECONDS
    assert sweeper.run_once() == 1


def test_batch_lost_between_queue_and_start(sweeper: Sweeper, client: Any, clock: Clock) -> None:
    """A job whose worker died between taking it from the queue and starting it is found, and RQ forgets the old one."""
    batch_without_job(client)
    queue = normalise_queue(client)
    client.rpush(queue.intermediate_queue_key, "b1")
    sweeper.run_once()
    clock.now += GRACE_SECONDS

    assert sweeper.run_once() == 1
    assert client.llen(queue.intermediate_queue_key) == 0


def test_failed_job_is_tried_again(sweeper: Sweeper, client: Any, clock: Clock) -> None:
    """A job that failed leaves RQ's failures when its batch is enqueued again, or settled otherwise."""
    batch_without_job(client)
    registry = normalise_queue(client).failed_job_registry
    with client.pipeline() as pipeline:
        for batch_id in ("b1", "settled"):
            enqueue_batch(normalise_queue(client), batch_id, pipeline)
        pipeline.execute()
    client.delete(normalise_queue(client).key)
    for batch_id in ("b1", "settled"):
        registry.add(normalise_queue(client).fetch_job(batch_id), ttl=100)

    sweeper.run_once()
    assert registry.get_job_ids() == ["b1"]
    clock.now += GRACE_SECONDS
    sweeper.run_once()
    assert registry.get_job_ids() == []
    assert normalise_queue(client).get_job_ids() == ["b1"]


def test_pending_pushes_are_settled(sweeper: Sweeper, connection: Rows) -> None:
    """Every pending push gets its outcome in one pass, good or bad, and is counted."""
    for number in range(250):
        store_pending(connection, entry(push(f"c{number}")))
    store_pending(connection, entry(b"not json"))

    assert sweeper.run_once() == 251

    assert statuses(connection) == ["normalised"] * 250 + ["dead"]
    assert connection.execute("SELECT count(*) AS calls FROM airudder.calls").fetchone() == {"calls": 250}


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
    clock.now += workers.sweeper.pending.REST_SECONDS

    assert sweeper.run_once() == 2
    assert statuses(connection) == ["normalised"] * 5


def test_pending_pushes_are_fed_by_their_bytes(
    sweeper: Sweeper, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more bytes are fed at once than a batch has; a push that is larger is fed alone."""
    fed: list[int] = []
    monkeypatch.setattr(workers.sweeper.pending, "LIMIT_BYTES", 3000)
    monkeypatch.setattr(workers.sweeper.pending, "settle", lambda database, entries, **how: fed.append(len(entries)))
    for number, size in enumerate((1000, 1500, 1000, 9000, 100)):
        store_pending(connection, entry(b"x" * size, later_us=number))

    sweeper.run_once()

    assert fed == [3, 1, 1]


def test_pending_push_that_hangs_ends_dead(sweeper: Sweeper, connection: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pending push whose normalising does not end is dead after three tries, and its mates go through."""

    monkeypatch.setattr(settle, "normalise", hang_on_poison)
    monkeypatch.setattr(workers.sweeper.pending, "JOB_TIMEOUT_SECONDS", 1)
    for one in (entry(push("c1")), entry(push("c2", poison=True)), entry(push("c3"))):
        store_pending(connection, one)

    while "pending" in statuses(connection):
        assert sweeper.run_once() > 0

    assert statuses(connection) == ["normalised", "dead", "normalised"]


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


def test_frozen_copy_is_ended(
    sweeper: Sweeper, logins: Logins, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits in the midst of a COPY for its worker is ended when it is too old. Left alone are another program, and
    who waits for a lock."""
    sessions = {
        "frozen": ("airudder-ingest", "BEGIN; COPY airudder.calls FROM STDIN"),
        "report": ("report", "BEGIN; SELECT pg_advisory_xact_lock(7); COPY airudder.calls FROM STDIN"),
        "waiting": ("airudder-ingest", "BEGIN; SELECT pg_advisory_xact_lock(7)"),
    }
    pids: dict[int, str] = {}

    def waiting() -> set[str]:
        found = connection.execute("SELECT pid FROM pg_stat_activity WHERE xact_start < now() AND wait_event <> ''")
        return {pids[row["pid"]] for row in found if row["pid"] in pids}

    with ExitStack() as stack:
        for name, (program, query) in sessions.items():
            session = stack.enter_context(closing(psycopg.connect(logins.worker, application_name=program)))
            session.pgconn.send_query(query.encode())
            pids[session.info.backend_pid] = name
            wait_until(lambda: len(waiting()) == len(pids), f"{name} waits")

        sweeper.run_once()
        assert waiting() == sessions.keys()

        monkeypatch.setattr(workers.sweeper.frozen, "FROZEN_SECONDS", 0)
        sweeper.run_once()
        wait_until(lambda: "frozen" not in waiting(), "it is ended")
        assert waiting() == sessions.keys() - {"frozen"}


def test_sweeper_that_may_end_nothing(
    client: Any, logins: Logins, connection: Rows, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Where a hardened Postgres refuses that, everything else is seen to, and a line a minute says so."""
    store_pending(connection, entry(push("c1")))
    connection.execute("REVOKE EXECUTE ON FUNCTION pg_terminate_backend FROM PUBLIC")
    try:
        with closing(Database(logins.worker, patience_seconds=0)) as database:
            sweeper = Sweeper(client, database, clock)
            assert [sweeper.run_once() for _ in range(3)] == [1, 0, 0]
            clock.now += REST_SECONDS
            sweeper.run_once()
    finally:
        connection.execute("GRANT EXECUTE ON FUNCTION pg_terminate_backend TO PUBLIC")
    assert caplog.text.count("pg_terminate_backend") == 2


def test_frozen_sweeper_is_succeeded(
    sweeper: Sweeper, logins: Logins, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that stands still in a transaction is ended by the next, which has the lock then; between two transactions
    Postgres ends it."""
    monkeypatch.setattr(workers.sweeper.frozen, "FROZEN_SECONDS", 0)
    with closing(psycopg.connect(logins.worker, application_name="airudder-ingest")) as frozen:
        frozen.execute(LOCK_SWEEPER)
        frozen.commit()
        assert frozen.execute("SHOW idle_session_timeout").fetchone() == ("10min",)

        store_pending(connection, entry(push()))
        wait_until(sweeper.run_once, "the next one settles what is pending")


def test_full_redis_is_emptied(sweeper: Sweeper, client: Any, connection: Rows) -> None:
    """A Redis at its memory limit, in which RQ can do nothing, gets room: batches move to Postgres and are settled."""
    for number in range(3):
        batch_without_job(client, f"b{number}")
    batch_without_job(client, "at work")
    client.set(keys.lease("at work"), "elsewhere:1")
    with redis_set_to(client, maxmemory="1"):
        assert sweeper.run_once() == 3 + 3

    assert statuses(connection) == ["normalised"] + ["duplicate"] * 2
    assert connection.execute("SELECT bool_and(through_redis) AS all FROM airudder.pushes").fetchone() == {"all": True}
    assert keys.decode_ids(client.zrange(keys.BATCHES, 0, -1)) == ["at work"]


def test_nearly_full_redis_is_emptied(sweeper: Sweeper, client: Any, connection: Rows) -> None:
    """Room is made before the very limit, at which RQ's workers could not even register; a batch that has only just
    been opened is left to them."""
    batch_without_job(client)
    batch_without_job(client, "new")
    client.zadd(keys.BATCHES, {"new": time.time()})
    limit = round(client.info("memory")["used_memory"] / 0.95)

    with redis_set_to(client, maxmemory=str(limit)):
        sweeper.run_once()

    assert keys.decode_ids(client.zrange(keys.BATCHES, 0, -1)) == ["new"]
    assert statuses(connection) == ["normalised"]


def test_moved_batch_keeps_its_attempts(
    sweeper: Sweeper, client: Any, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has ended two workers is tried alone, once, after a full Redis was emptied."""
    monkeypatch.setattr(settle, "normalise", hang_on_poison)
    monkeypatch.setattr(workers.sweeper.pending, "JOB_TIMEOUT_SECONDS", 1)
    for one in (entry(push("c1")), entry(push("c2", poison=True))):
        client.rpush(keys.batch("b1"), encode_entry(one))
    client.zadd(keys.BATCHES, {"b1": 1.0})
    client.hset(keys.progress("b1"), "attempts", 2)

    with redis_set_to(client, maxmemory="1"):
        while "pending" in statuses(connection) or not statuses(connection):
            assert sweeper.run_once() > 0

    rows = connection.execute("SELECT status, attempts FROM airudder.pushes ORDER BY push_id").fetchall()
    assert [(row["status"], row["attempts"]) for row in rows] == [("normalised", 3), ("dead", 4)]


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
    monkeypatch.setattr(Partitions, "make_ahead", lambda _: 1 // 0)
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

    def fail() -> int:
        raise ValueError("Budi")

    chore = Chore("this and that", fail, clock)
    for _ in range(10):
        assert chore.run_if_due() == 0
        clock.now += REST_SECONDS / 5

    assert caplog.text.count("this and that wait: ValueError at fail") == 2
    assert "Budi" not in caplog.text


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
