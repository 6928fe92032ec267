"""Servers that answer, and are not what pushes need: named by `doctor`, `/readyz` and at the start of workers."""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict
from redis import Redis

from ingest import settings
from ingest.batch import keys
from ingest.clocks import ClockReading, words
from ops import queries
from ops.doctor.findings import clock
from tests.logins import Logins, acting_as
from tests.other_servers import pooler_of, redis_cluster, redis_sentinel, standby_of
from tests.processes import INGEST, ingest, running, running_into, running_web, wait_until
from tests.pushes import push
from tests.servers import embedded_servers, redis_set_to

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")

PATH = "/airudder/custom-api"
START_SECONDS = 15
"""For an interpreter to begin on a machine that is busy with other tests. Without a bound a frozen server took 41 s."""


def changes(**environ: str) -> list[str]:
    """What `doctor` wants changed."""
    result = ingest("doctor", **environ)
    found = [line.removeprefix("CHANGE  ") for line in result.stdout.splitlines() if line.startswith("CHANGE")]
    assert (result.returncode, result.stderr) == (1 if found else 0, "")
    return found


@pytest.fixture(autouse=True)
def safe_redis(client: Any) -> Iterator[None]:
    """A Redis whose settings `doctor` is content with."""
    with redis_set_to(client, appendonly="yes", appendfsync="always"):
        yield


def said(printed: Path, words: str) -> bool:
    """Whether a process has logged it."""
    return words in printed.read_text()


@contextmanager
def worker_says(tmp_path: Path, words: str, **environ: str) -> Iterator[None]:
    """Run a sweeper and expect its log to say something."""
    with running_into(tmp_path / "log", INGEST, "sweeper", **environ):
        wait_until(lambda: said(tmp_path / "log", words), words)
        yield


def test_standby_is_named(database_url: str, tmp_path: Path) -> None:
    """A standby answers and takes no push: `doctor`, `/readyz`, `migrate` and the sweeper's log say so."""
    with standby_of(database_url, tmp_path) as url:
        found = changes(DATABASE_URL=url)
        assert [one for one in found if "the server is a standby" in one]
        assert "Postgres would take no push: cannot execute INSERT in a read-only transaction" in found
        with running_web(DATABASE_URL=url, REDIS_URL="redis://127.0.0.1:1/0") as web:
            ready = httpx.get(f"{web}/readyz")
            assert httpx.post(web + PATH, json=push()).status_code == 503
        assert (ready.status_code, ready.json()["postgres"]) == (503, "refuses writes: it is a standby, or read-only")
        assert "the server is a standby" in ingest("migrate", DATABASE_URL=url).stderr
        with worker_says(tmp_path, "the server is a standby", DATABASE_URL=url):
            pass


@pytest.mark.parametrize("mode", ["transaction", "statement", "session"])
def test_pooler_is_named(database_url: str, tmp_path: Path, mode: str) -> None:
    """What is set for a session comes to nothing in a pooler that is not in session mode."""
    with pooler_of(database_url, tmp_path, mode) as url:
        found = [one for one in changes(DATABASE_URL=url) if "not in session mode" in one]
        assert len(found) == (mode != "session")
        if found:
            with worker_says(tmp_path, "not in session mode", DATABASE_URL=url):
                pass


def test_cluster_is_named(tmp_path: Path, database_url: str, connection: Rows) -> None:
    """A Redis cluster has no place for a batch, its job and its counts: workers do not start, web stores elsewhere."""
    with redis_cluster(tmp_path) as url:
        assert [one for one in changes(REDIS_URL=url) if one.startswith("REDIS_URL names a cluster")]
        with running_web(REDIS_URL=url) as web:
            assert httpx.get(f"{web}/readyz").json()["redis"] == "is a cluster"
            assert httpx.post(web + PATH, json=push()).status_code == 200
        assert_processes_refuse(url, "ingest: REDIS_URL names a cluster")


def test_sentinel_is_named(tmp_path: Path, connection: Rows) -> None:
    """A Sentinel answers and knows no command of ours: the same as of a cluster, and the rest is checked all the
    same."""
    with redis_sentinel(tmp_path) as url:
        assert [one for one in changes(REDIS_URL=url) if one.startswith("REDIS_URL names a Sentinel")]
        assert "Postgres takes pushes" in ingest("doctor", REDIS_URL=url).stdout
        with running_web(REDIS_URL=url) as web:
            assert httpx.get(f"{web}/readyz").json()["redis"] == "refuses writes"
            assert httpx.post(web + PATH, json=push()).status_code == 200
        assert_processes_refuse(url, "ingest: REDIS_URL names a Sentinel")


def assert_processes_refuse(redis_url: str, words: str) -> None:
    """That no worker and no sweeper starts, and each says why in one line."""
    for process in ("worker", "sweeper"):
        started = ingest(process, REDIS_URL=redis_url)
        assert (started.returncode, started.stderr.count("\n")) == (1, 1)
        assert started.stderr.startswith(words)


def test_other_installation_is_named(client: Any, tmp_path: Path) -> None:
    """Two environments on one Redis would take each other's batches."""
    with worker_says(tmp_path, ""):
        wait_until(lambda: client.get(keys.INSTALLATION), "the first that begins says whose Redis it is")
    assert changes() == []
    client.set(keys.INSTALLATION, "another")
    assert [one for one in changes() if "holds batches for another database" in one]
    with worker_says(tmp_path, "holds batches for another database"):
        pass


def test_too_few_connections_are_named(connection: Rows) -> None:
    """A limit below what all processes of a host need at once is named."""
    name = connection.info.dbname
    connection.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 11")
    try:
        (found,) = changes(WORKERS="4")
    finally:
        connection.execute(f"ALTER DATABASE {name} CONNECTION LIMIT -1")
    assert found.startswith(f"the database {name} allows 11 connections, and 13 may be needed at once")


def test_limit_of_the_login_counts(connection: Rows, logins: Logins) -> None:
    """Postgres counts a session for its login, whichever role it acts as."""
    with acting_as(connection, logins.worker, "airudder_worker") as user:
        connection.execute(f"ALTER ROLE {user} CONNECTION LIMIT 11")
        try:
            (found,) = changes(WORKERS="4", DATABASE_URL=logins.worker)
        finally:
            connection.execute(f"ALTER ROLE {user} CONNECTION LIMIT -1")
    assert found.startswith(f"the user {user} allows 11 connections, and 13 may be needed at once")


def test_connections_of_others_are_counted(database_url: str, logins: Logins, connection: Rows) -> None:
    """A user who may not see what others' sessions do counts them all the same, as the alarm does."""
    current = dataclasses.replace(settings.load(), configured_database_url=logins.worker)
    with ExitStack() as sessions:
        for _ in range(3):
            sessions.enter_context(Connection.connect(database_url))
        with queries.connect(current) as asking:
            counted = queries.one(asking, queries.CONNECTIONS)

    assert counted["used"] >= 1 + 1 + 3
    assert counted["allowed"] > 3


def test_frozen_servers_are_told_soon(tmp_path: Path) -> None:
    """A server that stands still is told in three seconds, and not in forty."""
    with embedded_servers(tmp_path / "servers") as own, Redis.from_url(own.redis_url) as redis:
        postmaster = int((tmp_path / "servers/postgres/data/postmaster.pid").read_text().split()[0])
        environ = {"DATABASE_URL": own.database_url, "REDIS_URL": own.redis_url}
        for pid, words in (
            (redis.info()["process_id"], "Redis at REDIS_URL does not answer as it should"),
            (postmaster, "cannot connect to DATABASE_URL: connection timeout expired"),
        ):
            os.kill(pid, signal.SIGSTOP)
            try:
                for command in ("status", "doctor"):
                    began = time.monotonic()
                    assert words in ingest(command, **environ).stdout
                    assert time.monotonic() - began < 3 + START_SECONDS
            finally:
                os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize(
    ("ahead", "word"), [(0.0, "ok"), (0.4, "ok"), (0.9, "note"), (-0.9, "note"), (5.0, "CHANGE"), (-5.0, "CHANGE")]
)
def test_skew_is_told(ahead: float, word: str) -> None:
    """From half a second on two hosts may turn two pushes of a call round, from two seconds on they do."""
    reading = ClockReading(server=1000.05 + ahead, asked=1000.0, answered=1000.1)
    assert str(clock("Redis", reading)).startswith(word)
    assert ("Redis's by" in words({"Redis": reading})) == (word != "ok")


def test_slow_answer_is_no_skew() -> None:
    """What the way to the server and back can explain is not its clock's."""
    assert ClockReading(server=1003.0, asked=1000.0, answered=1004.0).ahead == 0.0


def test_two_connections_are_enough(database_url: str, logins: Logins, connection: Rows, client: Any) -> None:
    """Two connections are enough for one worker and the sweeper: web has none while Redis takes pushes."""
    user = conninfo_to_dict(logins.worker)["user"]
    connection.execute(f"ALTER ROLE {user} CONNECTION LIMIT 2")
    try:
        with (
            running_web(DATABASE_URL=logins.worker) as url,
            running("worker", DATABASE_URL=logins.worker, WORKERS="1"),
            running("sweeper", DATABASE_URL=logins.worker),
        ):
            for number in range(5):
                assert httpx.post(url + PATH, json=push(f"c{number}")).status_code == 200
            normalised = "SELECT FROM airudder.pushes WHERE status = 'normalised'"
            wait_until(lambda: len(connection.execute(normalised).fetchall()) == 5, "all are normalised")
    finally:
        connection.execute(f"ALTER ROLE {user} CONNECTION LIMIT -1")


def test_doctor_is_content(client: Any) -> None:
    """Good settings and servers are exit code 0."""
    with redis_set_to(client, appendonly="yes", appendfsync="always"):
        result = ingest("doctor")

    assert result.returncode == 0, result.stdout
    assert "CHANGE" not in result.stdout


def test_everysec_may_be_asked_for(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """`appendfsync everysec` is no problem where it was asked for, and what can be lost is said."""
    monkeypatch.setenv("INGEST_APPENDFSYNC", "everysec")
    with redis_set_to(client, appendonly="yes", appendfsync="everysec"):
        result = ingest("doctor")

    assert result.returncode == 0, result.stdout
    assert "up to two seconds of acknowledged pushes may be lost" in result.stdout


def test_doctor_names_unsafe_setting(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever could lose a push is named with the setting to change."""
    monkeypatch.setenv("HOST", "0.0.0.0")
    with redis_set_to(client, appendfsync="everysec"):
        result = ingest("doctor")

    assert result.returncode == 1
    assert "set `appendfsync always`" in result.stdout
    assert "Set INGEST_TOKENS=source=secret or INGEST_TOKENS_FILE, or HOST=127.0.0.1" in result.stdout
