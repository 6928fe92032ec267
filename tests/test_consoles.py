"""`ingest psql` and `ingest redis-cli`, and what `ingest env` gives other programs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from ingest.errors import SettingError
from ops.commands.local import psql
from ops.local import embedded_valkey, postgres_programs
from tests.logins import Logins
from tests.processes import ingest

pytestmark = pytest.mark.usefixtures("environment")


def fed(*arguments: str, given: str) -> subprocess.CompletedProcess[str]:
    """Run a command with something on its stdin."""
    script = Path(sys.executable).with_name("ingest")
    return subprocess.run([script, *arguments], input=given, check=False, capture_output=True, text=True)


def test_psql_runs_out_of_the_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any psql on PATH it works; arguments and exit codes are psql's own."""
    monkeypatch.setenv("PATH", "/nowhere")

    asked = ingest("psql", "-A", "-t", "-c", "SELECT 'seen', current_database()")
    wrong = ingest("psql", "-c", "nonsense")
    stopped = fed("psql", "-v", "ON_ERROR_STOP=1", given="nonsense;\n")

    assert (asked.returncode, asked.stdout.startswith("seen|ingest_test_")) == (0, True)
    assert (wrong.returncode, "syntax error" in wrong.stderr) == (1, True)
    assert stopped.returncode == 3
    assert "psql's own ARGUMENTS" in ingest("psql", "--help").stdout


def test_psql_of_the_machine_is_used_without_the_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where no embedded servers are installed, psql is looked for on PATH, and said to be missing."""
    monkeypatch.setattr(postgres_programs, "program", lambda _name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingError, match="there is no psql"):
        psql._program()

    (tmp_path / "psql").write_text("#!/bin/sh\n")
    (tmp_path / "psql").chmod(0o755)
    assert psql._program() == str(tmp_path / "psql")


def test_psql_shows_nobody_the_password(monkeypatch: pytest.MonkeyPatch, logins: Logins) -> None:
    """It is not among the arguments, which everybody on the machine can read; whatever else the URL says is heeded."""
    url = f"{logins.worker} application_name=mine keepalives_idle=77 sslpassword=s3cret"
    monkeypatch.setenv("DATABASE_URL", url)

    shown = ingest("psql", "-A", "-t", "-c", r"\! ps -ww -o args= -p $PPID", "-c", "SHOW application_name")

    (password,) = [part.partition("=")[2] for part in logins.worker.split() if part.startswith("password=")]
    assert password
    assert password not in shown.stdout
    assert "s3cret" not in shown.stdout
    assert "keepalives_idle=77" in shown.stdout
    assert shown.stdout.splitlines()[-1] == "mine"


@pytest.mark.parametrize("command", ["psql", "redis-cli"])
def test_console_names_a_bad_url(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """In one line, without the password."""
    monkeypatch.setenv("DATABASE_URL", "postgres//u:s3cret@h/db")
    monkeypatch.setenv("REDIS_URL", "h:s3cret")

    result = ingest(command, "PING")

    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "is not of the form" in result.stderr
    assert "s3cret" not in result.stderr


def test_redis_answers_as_it_does(client: Any) -> None:
    """Words, numbers, lists and nothing are printed as redis-cli prints them into a pipe; an error is exit code 1."""
    client.hset("h", mapping={"a": 1, "b": "\xe9"})

    assert ingest("redis-cli", "PING").stdout == "PONG\n"
    assert ingest("redis-cli", "hgetall", "h").stdout == "a\n1\nb\n\xe9\n"
    assert ingest("redis-cli", "CONFIG", "GET", "maxmemory-policy").stdout == "maxmemory-policy\nnoeviction\n"
    assert ingest("redis-cli", "GET", "none").stdout == "\n"
    assert ingest("redis-cli", "LRANGE", "none", "0", "-1").stdout == ""
    wrong = ingest("redis-cli", "GET", "h")
    assert (wrong.returncode, wrong.stderr.startswith("(error) WRONGTYPE")) == (1, True)


def test_redis_takes_lines(client: Any) -> None:
    """Each line of stdin is a command; one that fails does not keep the next from running."""
    result = fed("redis-cli", given="SET 'a key' 1\n\nNONSENSE\nSET \"torn\nINCR 'a key'\n")

    assert result.stdout == "OK\n2\n"
    assert result.returncode == 1
    assert result.stderr.count("(error)") == 2


def test_redis_away_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a traceback, and without the password."""
    monkeypatch.setenv("REDIS_URL", "redis://:s3cret@127.0.0.1:1/0")

    result = ingest("redis-cli", "PING")

    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "s3cret" not in result.stderr


@pytest.mark.parametrize(
    ("url", "printed"),
    [
        ("redis://:s3cret@127.0.0.1:6379/0", "redis://default:s3cret@127.0.0.1:6379/0"),
        ("rediss://:s3cret@redis.test/0?ssl_ca_certs=/ca", "rediss://default:s3cret@redis.test/0?ssl_ca_certs=/ca"),
        ("redis://web:s3cret@127.0.0.1/0", "redis://web:s3cret@127.0.0.1/0"),
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("unix://:s3cret@/run/redis.sock", "unix://default:s3cret@/run/redis.sock"),
    ],
)
def test_env_names_redis_user(monkeypatch: pytest.MonkeyPatch, url: str, printed: str) -> None:
    """`redis-cli -u` takes an empty name for a user's, who is not there: WRONGPASS."""
    monkeypatch.setenv("REDIS_URL", url)

    assert f"REDIS_URL={printed}" in ingest("env").stdout.replace("'", "")


def test_embedded_redis_names_its_user(tmp_path: Path) -> None:
    """So that the URL is good for redis-cli as it stands, wherever it is read."""
    client = Redis.from_url(embedded_valkey.prepare(tmp_path).url)

    assert client.connection_pool.connection_kwargs["username"] == "default"
