"""The pool of workers: real RQ worker processes, killed, terminated and lied to."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection
from redis import Redis

from ingest import logs
from ingest.batch import keys
from ingest.batch.lease import forget_the_dead
from ingest.batch.queue import normalise_queue
from ingest.process_ids import is_alive
from tests import strangers
from tests.batches import enqueued, nothing_in_flight
from tests.other_servers import redis_at
from tests.ports import free_port
from tests.processes import DEADLINE_SECONDS, INGEST, descendants, running, running_command, running_into, wait_until
from tests.pushes import entry, push
from tests.stored import statuses

Rows = Connection[dict[str, Any]]


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


def test_worker_goes_on_as_soon_as_redis_is_back(connection: Rows, database_url: str, tmp_path: Path) -> None:
    """However long Redis is away, a worker looks for it every few seconds: a batch does not wait for it in vain."""
    printed, port = tmp_path / "printed", free_port()
    with ExitStack() as stack:
        with redis_at(port, tmp_path) as url, Redis.from_url(url) as client:
            environ = {"DATABASE_URL": database_url, "REDIS_URL": url}
            stack.enter_context(running_into(printed, INGEST, "worker", WORKERS="1", **environ))
            (key,) = wait_until(lambda: client.smembers("rq:workers"), "a worker registers")
            wait_until(lambda: client.hget(key, "state") == b"idle", "it waits for a batch")

        def waits() -> list[str]:
            return re.findall(r"retrying in (\d+) seconds", printed.read_text())

        wait_until(lambda: len(waits()) >= 4, "Redis is away for so long")
        with redis_at(port, tmp_path) as url, Redis.from_url(url) as client:
            enqueued(client, [entry(push())])
            wait_until(lambda: nothing_in_flight(client), "the worker settles the batch")
            stack.close()

    assert statuses(connection) == ["normalised"]
    assert max(map(int, waits())) <= 5


def test_start_without_redis_is_told_in_lines(database_url: str, tmp_path: Path) -> None:
    """While Redis is away the pool starts its workers again and again, each of which leaves a line and no traceback."""
    printed, url = tmp_path / "printed", f"redis://127.0.0.1:{free_port()}/0"
    with running_into(printed, INGEST, "worker", WORKERS="1", DATABASE_URL=database_url, REDIS_URL=url):
        wait_until(lambda: printed.read_text().count("starting another") >= 2, "a second worker is started")
    lines = printed.read_text().splitlines()

    assert [line for line in lines if not logs.parse(line)] == []
    assert any("a worker cannot begin: ConnectionError" in line for line in lines)


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


SWALLOWING = """
import os, pathlib, signal, sys
from redis.observability import recorder
from workers import pool

ask, mark = recorder.get_observability_instance, pathlib.Path(sys.argv[1])

def interrupted():
    if mark.exists():
        mark.unlink()
        os.kill(os.getpid(), signal.SIGINT)
    return ask()

recorder.get_observability_instance = interrupted
pool.main()
"""
"""A worker that is told to stop while redis-py counts a command, where it swallows each Exception"""


def test_signal_that_interrupts_a_command_ends_the_worker(environment: None, client: Any, tmp_path: Path) -> None:
    """Whatever the signal has interrupted, the worker stops: it comes once."""
    mark = tmp_path / "mark"
    with running_command(sys.executable, "-c", SWALLOWING, str(mark), WORKERS="1") as pool:
        (key,) = wait_until(lambda: client.smembers("rq:workers"), "a worker registers")
        wait_until(lambda: client.hget(key, "state") == b"idle", "it waits for a batch")
        (worker,) = descendants(pool.pid)
        mark.touch()
        enqueued(client, [entry(push())])
        wait_until(lambda: not is_alive(worker), "the worker ends")
        assert not mark.exists()


IN_A_HURRY = "from workers import pool; pool.STOP_SECONDS, pool.KILL_SECONDS = 0.0, 2.0; pool.main()"


def test_worker_that_hangs_is_killed(environment: None, client: Any, connection: Rows, tmp_path: Path) -> None:
    """A stop comes to its end: the worker says where it hangs, and its batch stays for another."""
    printed = tmp_path / "printed"
    with Connection.connect(os.environ["DATABASE_URL"]) as blocker:
        blocker.execute("LOCK TABLE airudder.pushes IN ACCESS EXCLUSIVE MODE")
        enqueued(client, [entry(push())])
        with running_into(printed, sys.executable, "-c", IN_A_HURRY, WORKERS="1") as pool:
            wait_until(lambda: client.exists(keys.taken("b1")), "the batch is taken")
            pool.terminate()
            assert pool.wait(DEADLINE_SECONDS) == 0

    said = printed.read_text()
    assert "has not stopped in" in said
    assert "most recent call first" in said
    assert client.zscore(keys.BATCHES, "b1")


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


def test_pool_ends_where_interrupts_are_ignored(database_url: str, redis_url: str, client: Any) -> None:
    """As under a shell that runs it in the background: its workers are told to stop by an interrupt all the same."""
    environ = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "WORKERS": "2"}
    command = f"trap '' INT; exec {INGEST} worker"
    with running_command("sh", "-c", command, **environ) as pool:
        wait_until(lambda: len(descendants(pool.pid)) >= 2, "workers are started")
