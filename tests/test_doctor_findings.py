"""What `doctor` finds in tables, files, memory and settings before it hurts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from ops.doctor import host_checks, redis_checks, tables_checks
from ops.migrations.files import read_migrations
from tests.many_days import ROOM, make_days, postgres_of_few_locks
from tests.ports import free_port
from tests.processes import ingest, wait_until
from tests.pushes import entry, push
from tests.stored import store_pending

Rows = Connection[dict[str, Any]]

NEWEST = read_migrations()[-1].number
YEAR_US = 366 * 24 * 3600 * 1_000_000
GIB = 2**30
LOCKED = """
SELECT count(*) FROM pg_locks JOIN pg_class ON pg_class.oid = relation WHERE relname ~ '^pushes_([0-9]{4}|default)'
"""


def said(word: str, **environ: str) -> list[str]:
    """The lines of `doctor` that begin with a word, without it."""
    lines = ingest("doctor", **environ).stdout.splitlines()
    return [line.removeprefix(word).strip() for line in lines if line.startswith(word)]


@contextmanager
def migrated(connection: Rows, change: str, back: str) -> Iterator[None]:
    """Tables of another version, for a while."""
    connection.execute(change.encode())
    try:
        yield
    finally:
        connection.execute(back.encode())


def test_older_tables_are_named(environment: None, client: Any, connection: Rows) -> None:
    """A program that was installed before its tables were migrated: which version each is of, and what to do."""
    older = f"UPDATE airudder.migrations SET number = number - {NEWEST}"
    with migrated(connection, older, f"UPDATE airudder.migrations SET number = number + {NEWEST}"):
        found = said("CHANGE")

    assert f"the tables are of version 0, and this program is of {NEWEST}: run `ingest migrate`" in found
    assert f"the tables are of version {NEWEST}" in said("ok")


def test_newer_tables_are_noted(environment: None, client: Any, connection: Rows) -> None:
    """During an upgrade the program may be the older one for a while."""
    newer = "INSERT INTO airudder.migrations (number, name, steps_applied, applied_at) VALUES (9999, 'n', 1, now())"
    with migrated(connection, newer, "DELETE FROM airudder.migrations WHERE number = 9999"):
        (found,) = (one for one in said("note") if "of version 9999" in one)

    assert found.endswith("install the newer one")


def test_interrupted_migration_is_named(environment: None, client: Any, connection: Rows) -> None:
    """One of which some steps are applied."""
    begun = "INSERT INTO airudder.migrations (number, name, steps_applied) VALUES (9999, '9999_half', 1)"
    with migrated(connection, begun, "DELETE FROM airudder.migrations WHERE number = 9999"):
        found = said("CHANGE")

    assert "migration 9999_half is applied in part: run `ingest migrate` again" in found


def test_pushes_without_a_partition_are_noted(environment: None, client: Any, connection: Rows) -> None:
    """A clock that was wrong, or a sweeper that was away, leaves pushes in the default partition."""
    store_pending(connection, entry(push(), later_us=YEAR_US))
    connection.execute("SELECT pg_stat_force_next_flush()")

    def is_noted() -> bool:
        return any("in the default partition" in one for one in said("note"))

    wait_until(is_noted, "the push is noted")


def test_days_that_need_many_locks_are_told(environment: None, client: Any, tmp_path: Path) -> None:
    """Each day that is kept brings locks. Before they are too many for Postgres it is said what to set."""
    with (
        postgres_of_few_locks(tmp_path / "few") as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        assert not locks_told("note", url) + locks_told("CHANGE", url)
        make_days(connection, before=1, days=9)
        (noted,) = locks_told("note", url)
        make_days(connection, before=10, days=9)
        (demanded,) = locks_told("CHANGE", url)
        connection.execute("BEGIN; EXPLAIN SELECT FROM airudder.pushes")
        (taken,) = connection.execute(LOCKED).fetchall()[0]

    assert f"takes {(8 + 1 + 9) * 9} of the {ROOM} locks" in noted
    assert f"takes {(8 + 1 + 18) * 9} of the {ROOM} locks" in demanded
    assert taken == (8 + 1 + 18) * 9
    assert "set max_locks_per_transaction to 40 and restart Postgres, or set INGEST_RETENTION_DAYS" in demanded


def locks_told(word: str, database_url: str) -> list[str]:
    """What `doctor` says of locks."""
    return [one for one in said(word, DATABASE_URL=database_url) if "max_locks_per_transaction" in one]


@pytest.mark.parametrize(
    ("used", "word"), [(3199, ""), (3200, "note"), (5119, "note"), (5120, "CHANGE"), (9000, "CHANGE")]
)
def test_locks(used: int, word: str) -> None:
    """Room for locks, as Postgres has it by default."""
    assert "".join(str(finding).split()[0] for finding in tables_checks.locks(used, of_each=64, sessions=100)) == word


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"maxmemory": 0, "used_memory": 6 * GIB, "total_system_memory": 10 * GIB}, "60% of its machine's memory"),
        ({"maxmemory": 0, "used_memory": 1 * GIB, "total_system_memory": 10 * GIB}, None),
        ({"maxmemory": GIB, "used_memory": GIB - 1, "total_system_memory": 10 * GIB}, "100% of its memory"),
        ({}, None),
    ],
)
def test_memory(told: dict[str, Any], words: str | None) -> None:
    """Redis's room, by what it tells itself."""
    assert [words in finding.text for finding in redis_checks.memory(told) if words] == [True] * bool(words)
    assert bool(list(redis_checks.memory(told))) == bool(words)


def test_files_that_redis_cannot_write_are_named() -> None:
    """A disk that is full stops the log's rewriting before it stops pushes."""
    told = {"aof_last_write_status": "ok", "aof_last_bgrewrite_status": "err", "rdb_last_bgsave_status": "ok"}

    (found,) = redis_checks.disk(told)

    assert not found.is_good
    assert "could not write its log (AOF) anew" in found.text
    assert not list(redis_checks.disk({}))


@pytest.mark.parametrize(("free", "word"), [(50, "ok"), (10, "note"), (4, "CHANGE")])
def test_disk(free: int, word: str) -> None:
    """Room on the disk of the embedded servers."""
    assert str(host_checks.disk("/data", free * GIB, 100 * GIB)).startswith(word)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"HOST": "0.0.0.0", "INGEST_TOKENS": "a=b"}, "is reached without TLS"),
        ({"INGEST_ALLOW_IPS": "10.0.0.0/8"}, "every push seems to come from it"),
    ],
)
def test_exposure_is_noted(environment: None, client: Any, environ: dict[str, str], words: str) -> None:
    """Settings that are right on some machines, and on others a trap."""
    assert any(words in one for one in said("note", **environ))
    assert not any(words in one for one in said("note"))


def test_misspelt_tokens_are_named(environment: None, client: Any) -> None:
    """Behind a proxy web would be open to everybody: it does not start, and `doctor` names the variable by its name."""
    environ = {"INGEST_TOKEN_FILE": "/s3cret", "INGEST_TRUSTED_PROXIES": "127.0.0.1/32"}
    words = "INGEST_TRUSTED_PROXIES is set, and INGEST_TOKENS is not: anybody could push through a proxy"
    started = ingest("web", PORT=str(free_port()), **environ)
    assert (started.returncode, started.stderr.startswith(f"ingest: {words}")) == (1, True)

    found = ingest("doctor", **environ)

    assert found.returncode == 1
    assert f"CHANGE  {words}" in found.stdout
    assert "note    INGEST_TOKEN_FILE is no setting" in found.stdout
    assert "s3cret" not in found.stdout
    assert "open on loopback" not in found.stdout


def test_who_may_push_without_tokens_is_told(environment: None, client: Any) -> None:
    """Nobody's secret is asked for, and the address alone decides."""
    allowed = {"INGEST_ALLOW_IPS": "203.0.113.0/24", "INGEST_TRUSTED_PROXIES": "127.0.0.1/32"}
    assert "tokens: none, open to INGEST_ALLOW_IPS (in this shell)" in said("ok", **allowed)
    assert "tokens: none, open on loopback only (in this shell)" in said("ok")


def test_users_of_the_console_are_checked(environment: None, tmp_path: Path) -> None:
    """A file of users that is broken, or that others can read, is named; and so is a console without a login."""
    file = tmp_path / "users"
    environ = {"INGEST_CONSOLE_USERS_FILE": str(file)}
    assert any("cannot be read" in one for one in said("CHANGE", **environ))
    file.write_text("vera viewer $argon2id$x\n")
    file.chmod(0o644)
    assert "users of the console: vera (viewer)" in said("ok", **environ)
    assert any("can be read by others" in one for one in said("note", **environ))
    file.write_text("vera boss $argon2id$x\n")
    assert any("line 1: boss is neither" in one for one in said("CHANGE", **environ))
    assert any("whoever is on this machine" in one for one in said("note", INGEST_CONSOLE_OPEN="yes"))
