"""`ingest status`, as operators run it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import Connection

from ingest import settings
from ingest.batch import keys
from ingest.batch.entry import encode_entry, hour_name
from ingest.process_ids import is_alive
from ingest.web.refusals import Refusal
from ops.in_flight import connect, in_flight, living_workers
from ops.status import in_postgres
from ops.status.gather import gather
from tests.processes import descendants, ingest, running, wait_until
from tests.pushes import entry, push
from tests.stored import make_dead, replay_dead
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")


@pytest.mark.usefixtures("within_an_hour")
def test_status_counts_in_flight(client: Any, database: Database) -> None:
    """`status --json` counts batches and pushes in flight, what came within a day, dead letters and refusals, and says
    that nobody works."""
    settle(database, [entry(push("c1")), entry(push("c1")), entry(b"[]")])
    client.rpush(keys.batch("b1"), encode_entry(entry(push("c2"))), encode_entry(entry(push("c3"))))
    client.zadd(keys.BATCHES, {"b1": 1.0})
    client.zadd(keys.WEB, {"h:1": 1.0})
    client.hincrby(keys.REFUSED, keys.refused_field("wrong credential", None), 3)
    client.hincrby(keys.REFUSED, keys.refused_field("body too large", "shop"), 1)
    now = datetime.now(UTC)
    for hours, pushes in ((0, 3), (23, 2), (24, 1)):
        hour = hour_name(now - timedelta(hours=hours))
        client.hset(keys.acknowledged(hour), "shop", pushes)

    result = ingest("status", "--json")

    status = json.loads(result.stdout)
    flight = status["redis"]["in_flight"]
    assert (flight["batches"], flight["pushes"], flight["workers"]) == (1, 2, 0)
    assert status["redis"]["refused"] == [
        {"reason": "body too large", "source": "shop", "requests": 1},
        {"reason": "wrong credential", "source": None, "requests": 3},
    ]
    assert status["postgres"]["dead"] == 1
    assert status["redis"]["acknowledged_last_24_hours"] == {"shop": 5}
    names = [one["name"] for one in status["problems"]]
    assert {"no web", "no worker", "no sweeper", "batches wait"} <= set(names)
    assert result.returncode == 1


def test_status_survives_absence(monkeypatch: pytest.MonkeyPatch) -> None:
    """`status` with both servers away says so in words, without a traceback."""
    monkeypatch.setenv("REDIS_URL", "redis://:s3cret@127.0.0.1:1/0")
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody:s3cret@127.0.0.1:1/none")

    result = ingest("status")

    assert result.returncode == 1
    assert result.stdout.count("PROBLEM") == 2
    assert "Traceback" not in result.stderr
    assert "s3cret" not in result.stdout + result.stderr


def test_status_waits_for_no_lock(client: Any, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody has a table to themselves Redis's facts are told, and that Postgres does not answer."""
    monkeypatch.setattr(in_postgres, "LOOK_SECONDS", 1.0)
    client.hincrby(keys.REFUSED, keys.refused_field("body too large", "shop"), 7)
    with psycopg.connect(database_url) as altering:
        altering.execute("LOCK TABLE airudder.pushes IN ACCESS EXCLUSIVE MODE")
        facts = gather(settings.load())

    assert facts.postgres.error
    assert [one["requests"] for one in facts.redis.refused] == [7]


def test_status_sees_pending_wait(connection: Rows) -> None:
    """A push that is pending for longer than a minute is a problem: nobody feeds it."""
    old = entry(push(), later_us=-3_600_000_000)
    connection.execute(
        "INSERT INTO airudder.pushes (push_id, received_at, source, kind, body, status) "
        "VALUES (%s, %s, 'default', 'custom-api', %s, 'pending')",
        (old.uuid, old.received_at, old.body),
    )

    result = ingest("status")

    assert result.returncode == 1
    assert "the oldest pending push waits for 36" in result.stdout


def test_replayed_push_waits_since_its_replay(connection: Rows) -> None:
    """An old dead letter that is replayed has waited since then, not since it came."""
    make_dead(connection, entry(push(), later_us=-3_600_000_000))
    replay_dead(connection)

    status = json.loads(ingest("status", "--json").stdout)

    assert (status["postgres"]["pending"], status["postgres"]["dead"]) == (1, 0)
    assert status["postgres"]["oldest_pending_seconds"] < 60
    assert not [one for one in status["problems"] if "pending" in one["what"]]


def test_status_counts_no_killed_workers(client: Any) -> None:
    """Workers that were killed on this machine are not counted, though their hearts seem to beat still."""
    with running("worker", WORKERS="2") as pool:
        wait_until(lambda: client.scard("rq:workers") == 2, "both register")
        found = wait_until(lambda: descendants(pool.pid), "the pool has workers")
        os.kill(pool.pid, signal.SIGSTOP)
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(map(is_alive, found)), "they are gone")
        counted = json.loads(ingest("status", "--json").stdout)["redis"]["in_flight"]["workers"]
        registered = client.scard("rq:workers")
        os.kill(pool.pid, signal.SIGCONT)

    assert (counted, registered) == (0, 2)


def test_status_counts_living_workers(client: Any) -> None:
    """A worker that was killed is not counted for long, though it stays registered."""
    with running("worker", WORKERS="1") as pool:
        (key,) = wait_until(lambda: client.smembers("rq:workers"), "a worker registers")
        wait_until(lambda: client.hget(key, "last_heartbeat"), "its heart beats")
        assert json.loads(ingest("status", "--json").stdout)["redis"]["in_flight"]["workers"] == 1
        every_process = [pool.pid, *descendants(pool.pid)]
        for pid in every_process:
            os.kill(pid, signal.SIGSTOP)  # or its heart would beat again
        client.hset(key, "last_heartbeat", "2026-01-01T00:00:00.000000Z")
        counted = json.loads(ingest("status", "--json").stdout)["redis"]["in_flight"]["workers"]
        for pid in every_process:
            os.kill(pid, signal.SIGCONT)

    assert counted == 0


def test_status_judges_no_pid_of_another_namespace(client: Any) -> None:
    """A worker in a container that shares this host's name is counted: its pid names nobody here, or somebody else."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    elsewhere = f"{socket.gethostname()}:another boot:pid:[1]:{ended.pid}"
    with running("worker", WORKERS="1"), connect(settings.load()) as asking:
        (key,) = wait_until(lambda: client.smembers("rq:workers"), "a worker registers")
        wait_until(lambda: client.hget(key, "last_heartbeat") and client.hget(key, "holder"), "its heart beats")
        client.hset(key, mapping={"hostname": socket.gethostname(), "pid": ended.pid, "holder": elsewhere})
        assert in_flight(asking)["workers"] == len(living_workers(asking)) == 1


def test_status_shows_the_last_refusals(client: Any) -> None:
    """What is known of them is shown, and one wrong token is no problem: anybody can send that."""
    now = datetime.now(UTC)
    for age, credential in ((timedelta(hours=1), "0ld0ld00"), (timedelta(seconds=5), "1a2b3c4d")):
        refusal = msgspec.json.encode(Refusal(now - age, "wrong credential", None, "203.0.113.0/24", credential))
        client.lpush(keys.LAST_REFUSALS, refusal)
        client.hset(keys.LAST_REFUSED, "wrong credential", refusal)

    words = ingest("status").stdout
    status = json.loads(ingest("status", "--json").stdout)

    assert "wrong credential from 203.0.113.0/24 with 1a2b3c4d" in words
    assert [one["credential"] for one in status["redis"]["last_refusals"]] == ["1a2b3c4d", "0ld0ld00"]
    assert not [one for one in status["problems"] if "secret" in one["what"]]
