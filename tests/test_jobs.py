"""The job: what it leaves of a batch that is done again, has to wait, or is poisoned."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection, DataError
from rq import SimpleWorker
from rq.serializers import JSONSerializer
from rq.timeouts import JobTimeoutException

from ingest import logs
from ingest.batch import keys
from ingest.batch.queue import normalise_queue
from ingest.errors import PostgresAwayError, RefusedError
from tests.alarms import job_time, job_time_until
from tests.batches import enqueued, refusing
from tests.pushes import entry, hang_on_poison, push
from tests.stored import statuses
from workers import jobs, settle
from workers.attempts import ATTEMPTS_TOGETHER
from workers.database import Database
from workers.jobs import normalise_batch
from workers.pool import NormalisingWorker
from workers.statements import FIND_CALLS

Rows = Connection[dict[str, Any]]

BATCH = "01a22094-3854-706c-b934-e1b9ffcfe920"


def test_job_after_commit_is_harmless(client: Any, database: Database, connection: Rows) -> None:
    """A worker that dies between commit and discard leaves a batch that is done again, with one row a push."""
    enqueued(client, [entry(push("c1")), entry(push("c2"))])
    saved = client.dump(keys.batch("b1"))
    normalise_batch(client, database, "b1")
    client.restore(keys.taken("b1"), 0, saved)

    normalise_batch(client, database, "b1")

    assert statuses(connection) == ["normalised", "normalised"]
    assert client.exists(keys.taken("b1")) == 0


@pytest.mark.parametrize("attempts", [0, ATTEMPTS_TOGETHER], ids=["together", "push by push"])
@pytest.mark.usefixtures("copy_from", "keep_logging")
def test_settled_batch_is_one_line(
    client: Any, database: Database, capfd: pytest.CaptureFixture[str], attempts: int
) -> None:
    """However it is settled, one line says of a batch what its pushes came to."""
    logs.configure("worker")
    first, retry, late = entry(push("c1")), entry(push("c1")), entry(push("c2"), later_us=-1000)
    settle.settle(database, [entry(push("c2"))])
    enqueued(client, [first, retry, late, entry(b"[]")], BATCH)
    client.hset(keys.progress(BATCH), "attempts", attempts)

    normalise_batch(client, database, BATCH)

    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    (line,) = (line for line in lines if "outcomes" in line)
    told = {"batch": BATCH, "pushes": 4, "outcomes": {"normalised": 2, "duplicate": 1, "dead": 1}}
    assert told.items() <= line.items()
    assert line["attempt"] == attempts + 1


def test_job_run_again_has_nothing_to_do(client: Any, database: Database, connection: Rows) -> None:
    """The same job twice: the second finds neither open nor taken batch."""
    enqueued(client, [entry(push())])

    normalise_batch(client, database, "b1")
    normalise_batch(client, database, "b1")

    assert statuses(connection) == ["normalised"]


def test_postgres_away_keeps_batch(client: Any, connection: Rows) -> None:
    """Without Postgres the job gives up and the batch stays, its attempt not counted."""
    away = Database("postgresql://nobody@127.0.0.1:1/none", patience_seconds=0)
    enqueued(client, [entry(push())])

    for _ in range(ATTEMPTS_TOGETHER + 2):
        with pytest.raises(PostgresAwayError):
            normalise_batch(client, away, "b1")

    assert client.llen(keys.taken("b1")) == 1
    assert client.hget(keys.progress("b1"), "attempts") == b"0"


@pytest.mark.parametrize("attempts", [0, ATTEMPTS_TOGETHER], ids=["together", "push by push"])
def test_refused_push_stays_in_its_batch(client: Any, database: Database, connection: Rows, attempts: int) -> None:
    """A push that Postgres refuses for a reason that may not be its own stays in Redis; its mates are stored, and the
    attempt is not counted."""
    enqueued(client, [entry(push("c1")), entry(push("c2")), entry(push("c3"))])
    client.hset(keys.progress("b1"), "attempts", attempts)
    with refusing(connection, "calls", "NEW.call_id = 'c2'"):
        for _ in range(3):
            with pytest.raises(RefusedError, match="pushes that wait: 1,"):
                normalise_batch(client, database, "b1")
            assert statuses(connection) == ["normalised"] * 2
            assert client.hget(keys.progress("b1"), "attempts") == str(attempts).encode()
    normalise_batch(client, database, "b1")

    assert statuses(connection) == ["normalised"] * 3
    assert client.zcard(keys.BATCHES) == 0


POISONED_WORKER = """
import os
from ingest import settings
from ingest.batch.clients import patient_client
from workers import jobs, settle
normalise = settle.normalise
def poisoned(entry):
    if b"poison" in entry.body:
        os.kill(os.getpid(), 9)
    return normalise(entry)
settle.normalise = poisoned
jobs.normalise_batch(patient_client(settings.load().redis_url), jobs.database(), "b1")
"""


def attempt(client: Any, database: Database) -> None:
    """One run of the job, in its time."""
    with job_time():
        normalise_batch(client, database, "b1")


def attempt_in_vain(client: Any, database: Database, connection: Rows, blocker: Connection[Any]) -> None:
    """One whose time is over while somebody's locks keep it waiting."""
    blocked = "SELECT FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"

    def is_waiting() -> bool:
        return connection.execute(blocked, [blocker.info.backend_pid]).rowcount > 0

    with pytest.raises(PostgresAwayError, match="job's time"), job_time_until(is_waiting):
        normalise_batch(client, database, "b1")


@pytest.mark.parametrize("copy_from", [1, settle.COPY_FROM])
@pytest.mark.parametrize("table", ["pushes", "callees", "calls", "workflows", "nodes"])
def test_waiting_for_lock_is_no_attempt(
    table: str,
    copy_from: int,
    client: Any,
    database: Database,
    database_url: str,
    connection: Rows,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A job that ends while Postgres keeps it waiting, at whichever table, says nothing against its pushes."""
    monkeypatch.setattr(settle, "COPY_FROM", copy_from)
    enqueued(client, [entry(push("c1")), entry(push("c2"))])
    with Connection.connect(database_url) as blocker:
        blocker.execute(f"LOCK TABLE airudder.{table} IN ACCESS EXCLUSIVE MODE".encode())
        for _ in range(ATTEMPTS_TOGETHER + 2):
            attempt_in_vain(client, database, connection, blocker)

    normalise_batch(client, database, "b1")
    assert statuses(connection) == ["normalised", "normalised"]


def test_waiting_for_another_worker_is_no_attempt(
    client: Any, database: Database, database_url: str, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does one that waits, at the end of a copy, for a worker that is about to write the same call."""
    monkeypatch.setattr(settle, "COPY_FROM", 1)
    enqueued(client, [entry(push("c1")), entry(push("c2"))])
    insert = "INSERT INTO airudder.calls (source, call_id, received_at, push_id) VALUES ('default', 'c2', now(), %s)"
    with Connection.connect(database_url) as other:
        other.execute(insert, [UUID(int=0)])
        attempt_in_vain(client, database, connection, other)
        other.commit()

    normalise_batch(client, database, "b1")
    assert statuses(connection) == ["normalised", "normalised"]


def test_session_is_bounded(database: Database) -> None:
    """Postgres itself ends what a frozen worker holds, also after a transaction of this session that failed."""
    with pytest.raises(DataError):
        database.run(lambda connection: connection.execute("SELECT 'x'::integer"))

    bound = database.run(lambda connection: connection.execute("SHOW idle_in_transaction_session_timeout").fetchone())

    assert bound == ("30s",)


def test_calls_are_looked_up_by_index(database: Database, connection: Rows) -> None:
    """However little the table seems to hold, it is not read as a whole for a batch's keys."""
    call_ids = [str(number) for number in range(1000)]

    plan = database.run(lambda connection: connection.execute(f"EXPLAIN {FIND_CALLS}", [call_ids]).fetchall())

    assert "Index" in str(plan)
    assert "Seq Scan" not in str(plan)


def test_hanging_push_dies_alone(
    client: Any, database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A push whose normalising does not end is dead after three jobs, and its batch-mates go through."""

    monkeypatch.setattr(settle, "normalise", hang_on_poison)
    enqueued(client, [entry(push("c1")), entry(push("c2", poison=True)), entry(push("c3"))])

    for _ in range(3):
        with pytest.raises(JobTimeoutException):
            attempt(client, database)
    attempt(client, database)

    assert statuses(connection) == ["normalised", "dead", "normalised"]


def test_push_in_hand_at_one_death_is_not_blamed(client: Any, database: Database, connection: Rows) -> None:
    """A machine that is reset in the middle of push by push says nothing against the push in hand."""
    entries = [entry(push("c1")), entry(push("c2"))]
    enqueued(client, entries)
    client.hset(keys.progress("b1"), mapping={"attempts": 2, "in_hand": entries[0].push_id})

    normalise_batch(client, database, "b1")

    assert statuses(connection) == ["normalised", "normalised"]


def test_careful_attempt_leaves_in_time(
    client: Any, database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Push by push a batch may take several jobs; no push is blamed for what the others took."""
    monkeypatch.setattr(jobs, "CAREFUL_SECONDS", 0.0)
    enqueued(client, [entry(push("c1")), entry(push("c2")), entry(push("c3"))])
    client.hset(keys.progress("b1"), "attempts", ATTEMPTS_TOGETHER)

    normalise_batch(client, database, "b1")
    assert client.zcard(keys.BATCHES) == 1
    assert client.exists(keys.lease("b1")) == 0
    assert client.hget(keys.progress("b1"), "attempts") == str(ATTEMPTS_TOGETHER).encode()
    monkeypatch.undo()
    normalise_batch(client, database, "b1")

    assert statuses(connection) == ["normalised"] * 3
    assert client.zcard(keys.BATCHES) == 0


@pytest.mark.parametrize(
    ("ending", "kept"),
    [(RuntimeError("Budi"), "BatchFailedError: RuntimeError at fail"), (SystemExit(), "SystemExit")],
)
def test_failed_job_holds_nothing_personal(
    client: Any,
    database: Database,
    connection: Rows,
    monkeypatch: pytest.MonkeyPatch,
    ending: BaseException,
    kept: str,
) -> None:
    """What RQ keeps of a job that failed for an unforeseen reason, or was told to stop while it handled an error, names
    an error and a place, and the batch stays."""

    def fail(*_: object) -> None:
        try:
            connection.execute("SELECT 'Budi +6281234567890'::integer")
        except DataError:
            raise ending  # noqa: B904 - so it is raised where nobody foresaw it

    monkeypatch.setattr(jobs, "settle", fail)
    monkeypatch.setattr(jobs, "database", lambda: database)
    enqueued(client, [entry(push())])

    SimpleWorker([normalise_queue(client)], connection=client, serializer=JSONSerializer).work(burst=True)

    job = normalise_queue(client).fetch_job("b1")
    result = job.latest_result() if job else None
    assert result
    assert kept in str(result.exc_string)
    assert "Budi" not in str(result.exc_string)
    assert client.llen(keys.taken("b1")) == 1


def test_failure_is_one_line(client: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that failed as Postgres is away is a line in the log, however often it was tried, and no traceback."""
    away = Database("postgresql://nobody@127.0.0.1:1/none", patience_seconds=5)
    monkeypatch.setattr(jobs, "database", lambda: away)
    enqueued(client, [entry(push())])
    worker = NormalisingWorker([normalise_queue(client)], connection=client, serializer=JSONSerializer)

    worker.execute_job(*worker.dequeue_job_and_maintain_ttl(1))

    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert [warning.partition(" at ")[0] for warning in warnings] == [
        "Postgres is away, trying again: OperationalError",
        "batch b1 waits: Postgres is away: OperationalError",
    ]


def test_poison_dies_alone(environment: None, client: Any, connection: Rows) -> None:
    """A push that kills the interpreter is dead after three workers; its batch-mates before and behind go through."""
    enqueued(client, [entry(push("c1")), entry(push("c2", poison=True)), entry(push("c3"))])

    endings = [subprocess.run([sys.executable, "-c", POISONED_WORKER], check=False).returncode for _ in range(4)]

    assert endings == [-signal.SIGKILL] * 3 + [0]
    assert statuses(connection) == ["normalised", "dead", "normalised"]
    assert client.zcard(keys.BATCHES) == 0
