"""Servers that a deployment has and `ingest up` has not, for tests: a standby, a pooler, a Redis cluster, a
Sentinel, a Redis of a cloud's."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from redis import Redis
from redis.exceptions import RedisError

from ops.local import embedded_valkey
from ops.local.postgres_programs import programs, programs_for
from ops.local.system_user import SYSTEM_USER, is_root, run_as
from tests.debian import needs
from tests.ports import free_port
from tests.processes import wait_until

STOP_SECONDS = 20


@contextmanager
def standby_of(database_url: str, folder: Path) -> Iterator[str]:
    """A hot standby of the tests' Postgres; gives its URL. Our programs run a copy of the embedded server alone: where
    another is given the test that asks is skipped."""
    if os.environ.get("TEST_DATABASE_URL"):
        pytest.skip("a standby of a given Postgres: unset TEST_DATABASE_URL")
    where = conninfo_to_dict(database_url)
    user = own_folder(folder)
    cluster, where_programs = folder / "standby", programs_for(user) if user else programs()
    source = make_conninfo(user=where["user"], host=where["host"], port=where.get("port"))
    copied = run_as(
        user, [where_programs / "pg_basebackup", "-D", cluster, "-d", source, "-c", "fast", "-X", "stream", "-R"]
    )
    assert copied.returncode == 0, copied.stdout
    port = free_port()
    # With less room for locks than its primary has it does not start.
    small = ("shared_buffers=16MB", "max_locks_per_transaction=256")
    # On no socket: the path of a folder for temporary files may be too long for one.
    settings = ("listen_addresses=127.0.0.1", f"port={port}", "unix_socket_directories=", *small)
    options = [word for setting in settings for word in ("-c", setting)]
    with process(user, [str(where_programs / "postgres"), "-D", str(cluster), *options], folder / "standby.log"):
        url = make_conninfo(database_url, host="127.0.0.1", port=port)
        wait_until(lambda: takes_connections(url), "the standby takes connections")
        yield url


@contextmanager
def pooler_of(database_url: str, folder: Path, mode: str) -> Iterator[str]:
    """PgBouncer before the tests' Postgres, in one of its modes; gives its URL."""
    program = needs("pgbouncer")
    where, port, user = conninfo_to_dict(database_url), free_port(), own_folder(folder)
    server = " ".join(
        f"{name}={where[name]}" for name in ("host", "port", "user", "password", "dbname") if name in where
    )
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n{where['dbname']} = {server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
        f"auth_type = any\npool_mode = {mode}\nunix_socket_dir =\n"
    )
    with process(user, [program, str(settings)], folder / "pgbouncer.log"):
        url = f"postgresql://somebody@127.0.0.1:{port}/{where['dbname']}"
        wait_until(lambda: takes_connections(url), "the pooler takes connections")
        yield url


@contextmanager
def redis_at(port: int, folder: Path) -> Iterator[str]:
    """A Redis at a port, with what another one in the same folder has left; gives its URL."""
    options = ("--port", str(port), "--dir", str(folder), "--appendonly", "yes", "--appendfsync", "always")
    url = f"redis://127.0.0.1:{port}/0"
    with (
        process(None, [str(embedded_valkey._program()), *options], folder / "redis.log"),
        Redis.from_url(url) as client,
    ):
        wait_until(lambda: does(client, "PING"), "Redis answers")
        yield url


@contextmanager
def redis_cluster(folder: Path) -> Iterator[str]:
    """A Redis cluster of one server that has all slots; gives its URL."""
    port = free_port()
    bus = ("--cluster-port", str(free_port()))  # by default so far above the other that it may be no port
    options = ("--port", str(port), *bus, "--cluster-enabled", "yes", "--dir", str(folder), "--save", "")
    url = f"redis://127.0.0.1:{port}/0"
    with (
        process(None, [str(embedded_valkey._program()), *options], folder / "cluster.log"),
        Redis.from_url(url) as client,
    ):
        wait_until(lambda: does(client, "PING"), "the cluster's server answers")
        assert does(client, "CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        wait_until(lambda: does(client, "SET", "x", "1", "EX", "1"), "the cluster is up")
        yield url


@contextmanager
def redis_sentinel(folder: Path) -> Iterator[str]:
    """A Redis Sentinel that watches nothing; gives its URL."""
    port = free_port()
    settings = folder / "sentinel.conf"
    settings.write_text(f"port {port}\ndir {folder}\n")  # it writes its own state there
    url = f"redis://127.0.0.1:{port}/0"
    command = [str(embedded_valkey._program()), str(settings), "--sentinel"]
    with process(None, command, folder / "sentinel.log"), Redis.from_url(url) as client:
        wait_until(lambda: does(client, "PING"), "the Sentinel answers")
        yield url


@contextmanager
def managed_redis(folder: Path, **values: str) -> Iterator[str]:
    """A Redis without the command CONFIG, as a cloud gives it, whose settings (`_` for `-`) are set at its start;
    gives its URL."""
    port = free_port()
    settings = [word for name, value in values.items() for word in (f"--{name.replace('_', '-')}", value)]
    options = ["--port", str(port), "--dir", str(folder), "--save", "", "--rename-command", "CONFIG", "", *settings]
    url = f"redis://127.0.0.1:{port}/0"
    command = [str(embedded_valkey._program()), *options]
    with process(None, command, folder / "managed.log"), Redis.from_url(url) as client:
        wait_until(lambda: does(client, "PING"), "the managed server answers")
        yield url


def does(client: Redis, *command: str) -> bool:
    """Whether Redis does as it is told."""
    try:
        return bool(client.execute_command(*command))  # type: ignore[no-untyped-call]
    except (RedisError, OSError):
        return False


def takes_connections(url: str) -> bool:
    """Whether a Postgres lets us in."""
    with suppress(psycopg.OperationalError), psycopg.connect(url):
        return True
    return False


def own_folder(folder: Path) -> str | None:
    """As root: give the folder to the user that Postgres runs as, and let it come there; the user."""
    if not is_root():
        return None
    shutil.chown(folder, SYSTEM_USER, SYSTEM_USER)
    for parent in folder.parents:
        if not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o001)
    return SYSTEM_USER


@contextmanager
def process(user: str | None, command: list[str], log: Path) -> Iterator[None]:
    """Run a server until the block ends, as a user. An error in the block is told with the end of its log."""
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, stdout=output, stderr=output, user=user, group=user, extra_groups=[] if user else None
        )
    try:
        yield
    except BaseException as error:
        error.add_note(f"{log.name} ends:\n{log.read_text(errors='replace')[-2000:]}")
        raise
    finally:
        server.terminate()
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
