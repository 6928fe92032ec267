"""The job and its workers: real RQ worker processes, killed and poisoned."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection, DataError
from rq import SimpleWorker
from rq.serializers import JSONSerializer
from rq.timeouts import JobTimeoutException, UnixSignalDeathPenalty

from ingest.batch import keys
from ingest.batch.lease import forget_the_dead
from ingest.batch.queue import normalise_queue
from ingest.errors import PostgresAwayError, RefusedError
from ingest.process_ids import is_alive
from tests import strangers
from tests.batches import enqueued, nothing_in_flight, refusing
from tests.processes import INGEST, descendants, running, running_command, running_into, wait_until
from tests.pushes import entry, hang_on_poison, push
from workers import jobs, settle
from workers.database import Database
from workers.jobs import ATTEMPTS_TOGETHER, normalise_batch
from workers.pool import NormalisingWorker
from workers.statements import FIND_CALLS

Rows = Connection[dict[str, Any]]


def statuses(connection: Rows) -> list[str]:
    """The outcome of every push, oldest first."""
    return [row["status"] for row in connection.execute("SELECT status FROM airudder.pushes ORDER BY push_id")]


@pytest.fixture
def one_worker(environment: None) -> Iterator[Any]:
    """A worker process with one worker in its pool."""
    with running("worker", WORKERS="1") as process:
        yield process


def test_worker_settles_batches(one_worker: Any, client: Any, connection: Rows) -> None:
    """A worker settles what is enqueued and leaves nothing in Redis, neither job nor batch nor failure."""
    for number in range(5):
        enqueued(client, [entry(push(f"c{number}")), entry(b"[]")], f"b{number}")

    wait_until(lambda: nothing_in_flight(client), "everything is settled")

    assert sorted(statuses(connection)) == ["dead"] * 5 + ["normalised"] * 5
    assert normalise_queue(client).failed_job_registry.get_job_ids() == []


def test_strangers_jobs_are_refused(
    environment: None, client: Any, connection: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever can write to Redis runs no code in a worker: jobs of other functions, with callbacks, pickled, or no jobs
    at all, are refused and removed, and ours are done."""
    mark = tmp_path / "mark"
    monkeypatch.setenv("STRANGERS_MARK", str(mark))
    strangers.put_abandoned_job(client, "s1", data=strangers.PICKLED, meta=strangers.PICKLED)
    strangers.put_abandoned_job(client, "s2", data=strangers.ours("s2"), failure_callback_name=strangers.MARK)
    strangers.put_job(client, "s3", data='["os.system", null, ["echo was here > $STRANGERS_MARK"], {}]')
    strangers.put_job(client, "s4", data=f'["{strangers.MARK}", null, ["s4"], {{}}]', created_at="never")
    strangers.put_job(client, "s5", data=strangers.PICKLED, result=strangers.PICKLED, timeout="x")
    strangers.put_job(client, "s6", data=zlib.compress(b"[" * 10**8))
    callbacks = dict.fromkeys(("success_callback_name", "failure_callback_name"), strangers.MARK)
    strangers.put_job(client, "s7", data=strangers.ours("s7"), origin="normalise", **callbacks)
    client.lpush("rq:queue:normalise", b"\xff", "no such job", "id: x")
    client.rpush("rq:job:s8", "a list")
    client.lpush("rq:queue:normalise", "s8")
    enqueued(client, [entry(push())])

    with running_into(tmp_path / "log", INGEST, "worker", WORKERS="1"):
        wait_until(lambda: statuses(connection), "our batch is settled")
        registered = client.smembers("rq:workers")
        (listeners,) = client.pubsub_numsub(*(b"rq:pubsub:" + key.rpartition(b":")[2] for key in registered))
        client.lpush("rq:queue:normalise", "s3")

    assert not mark.exists()
    assert listeners[1] == 0
    said = (tmp_path / "log").read_text()
    assert said.count("a job that is not ours was refused") == 5
    assert "leave_mark" not in said
    assert "was here" not in said
    assert "starting another" not in said
    assert set(client.keys("rq:job:s*")) == {b"rq:job:s2", b"rq:job:s8"}


def test_killed_worker_is_replaced(one_worker: Any, client: Any, connection: Rows) -> None:
    """The pool starts another worker when one is killed, and work goes on."""
    first = wait_until(lambda: client.smembers("rq:workers"), "a worker registers")
    os.kill(int(client.hget(next(iter(first)), "pid")), signal.SIGKILL)
    # What Redis hands to the dead worker's connection until it notices is the sweeper's to find.
    wait_until(lambda: client.smembers("rq:workers") - first, "another worker registers")
    enqueued(client, [entry(push())])

    wait_until(lambda: nothing_in_flight(client), "another worker settles the batch")

    assert statuses(connection) == ["normalised"]


def test_dead_workers_batch_is_taken_up_at_once(
    environment: None, client: Any, database_url: str, connection: Rows
) -> None:
    """The pool enqueues what a worker was at when it died, without waiting for its lease; a new pool does so too."""
    with Connection.connect(database_url) as blocker, running("worker", WORKERS="1") as pool:
        blocker.execute("LOCK TABLE airudder.pushes IN ACCESS EXCLUSIVE MODE")
        enqueued(client, [entry(push("c1"))])
        first = wait_until(lambda: client.get(keys.lease("b1")), "the batch is taken")
        os.kill(int(first.rpartition(b":")[2]), signal.SIGKILL)
        second = wait_until(lambda: {client.get(keys.lease("b1"))} - {first, None}, "another worker takes it").pop()
        assert client.hget(keys.progress("b1"), "attempts") == b"2"
        pool.kill()
        pool.wait()
        os.kill(int(second.rpartition(b":")[2]), signal.SIGKILL)
        with running("worker", WORKERS="1"):
            wait_until(lambda: {client.get(keys.lease("b1"))} - {second, None}, "a worker of the next pool takes it")
            blocker.rollback()
            wait_until(lambda: nothing_in_flight(client), "the batch is settled")

    assert statuses(connection) == ["normalised"]


def test_workers_leave_with_killed_pool(one_worker: Any, client: Any) -> None:
    """When the pool is killed its workers end too: the next pool must not double them."""
    registered = wait_until(lambda: client.smembers("rq:workers"), "a worker registers")
    pid = int(client.hget(next(iter(registered)), "pid"))

    one_worker.kill()

    wait_until(lambda: not client.smembers("rq:workers"), "the worker has left")
    wait_until(lambda: not is_alive(pid), "its process has ended")


def test_terminated_worker_finishes_batch(environment: None, client: Any, connection: Rows) -> None:
    """SIGTERM in the middle of a batch: the batch is finished, and the process ends with exit code 0."""
    with Connection.connect(os.environ["DATABASE_URL"]) as blocker:
        blocker.execute("LOCK TABLE airudder.pushes IN ACCESS EXCLUSIVE MODE")
        enqueued(client, [entry(push())])
        with running("worker", WORKERS="1") as process:
            wait_until(lambda: client.exists(keys.taken("b1")), "the batch is taken")
            process.terminate()
            blocker.rollback()
            assert process.wait(30) == 0

    assert statuses(connection) == ["normalised"]
    assert nothing_in_flight(client)


def test_job_after_commit_is_harmless(client: Any, database: Database, connection: Rows) -> None:
    """A worker that dies between commit and discard leaves a batch that is done again, with one row a push."""
    enqueued(client, [entry(push("c1")), entry(push("c2"))])
    saved = client.dump(keys.batch("b1"))
    normalise_batch(client, database, "b1")
    client.restore(keys.taken("b1"), 0, saved)

    normalise_batch(client, database, "b1")

    assert statuses(connection) == ["normalised", "normalised"]
    assert client.exists(keys.taken("b1")) == 0


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


def attempt(client: Any, database: Database, seconds: int) -> None:
    """One run of the job that RQ's alarm ends after so many seconds."""
    with UnixSignalDeathPenalty(seconds, JobTimeoutException):  # type: ignore[no-untyped-call]
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
            with pytest.raises(PostgresAwayError, match="job's time"):
                attempt(client, database, 1)

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
        with pytest.raises(PostgresAwayError, match="job's time"):
            attempt(client, database, 1)
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
            attempt(client, database, 1)
    attempt(client, database, 10)

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
    away = Database("postgresql://nobody@127.0.0.1:1/none", patience_seconds=0.5)
    monkeypatch.setattr(jobs, "database", lambda: away)
    enqueued(client, [entry(push())])
    worker = NormalisingWorker([normalise_queue(client)], connection=client, serializer=JSONSerializer)

    worker.execute_job(*worker.dequeue_job_and_maintain_ttl(1))

    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert [warning.partition(" at ")[0] for warning in warnings] == [
        "Postgres is away, trying again: OperationalError",
        "batch b1 waits: Postgres is away: OperationalError",
    ]


def test_killed_pool_is_forgotten(environment: None, client: Any) -> None:
    """Workers that were killed together with their pool are gone from RQ's registry as soon as another pool runs."""
    with running("worker", WORKERS="2") as pool:
        first = wait_until(lambda: client.smembers("rq:workers:normalise"), "workers register")
        os.killpg(pool.pid, signal.SIGKILL)
        pool.wait()
        with running("worker", WORKERS="1"):
            wait_until(lambda: client.smembers("rq:workers:normalise") - first, "another worker registers")
            wait_until(lambda: client.scard("rq:workers:normalise") == 1, "the others are forgotten")
            assert client.scard("rq:workers") == 1


def test_worker_killed_at_its_birth_is_forgotten(client: Any) -> None:
    """So is one that RQ has registered and that came no further; one that lives, or is elsewhere, stays."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here = socket.gethostname()
    for name, host, pid in (
        ("ended", here, ended.pid),
        ("lives", here, os.getpid()),
        ("elsewhere", "other", ended.pid),
    ):
        client.hset(f"rq:worker:{name}", mapping={"hostname": host, "pid": pid})
        client.sadd("rq:workers", f"rq:worker:{name}")
        client.sadd("rq:workers:normalise", f"rq:worker:{name}")

    forget_the_dead(client)

    assert client.smembers("rq:workers:normalise") == {b"rq:worker:lives", b"rq:worker:elsewhere"}


def test_poison_dies_alone(environment: None, client: Any, connection: Rows) -> None:
    """A push that kills the interpreter is dead after three workers; its batch-mates before and behind go through."""
    enqueued(client, [entry(push("c1")), entry(push("c2", poison=True)), entry(push("c3"))])

    endings = [subprocess.run([sys.executable, "-c", POISONED_WORKER], check=False).returncode for _ in range(4)]

    assert endings == [-signal.SIGKILL] * 3 + [0]
    assert statuses(connection) == ["normalised", "dead", "normalised"]
    assert client.zcard(keys.BATCHES) == 0


def test_pool_ends_where_interrupts_are_ignored(database_url: str, redis_url: str, client: Any) -> None:
    """As under a shell that runs it in the background: its workers are told to stop by an interrupt all the same."""
    environ = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "WORKERS": "2"}
    command = f"trap '' INT; exec {INGEST} worker"
    with running_command("sh", "-c", command, **environ) as pool:
        wait_until(lambda: len(descendants(pool.pid)) >= 2, "workers are started")
