"""Sessions of ours are ours, whatever the server, the database, the role, the URL or the environment say."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ingest import session, settings
from ingest.errors import PostgresAwayError
from ingest.urls import connection_options
from ingest.web.fallback import Fallback
from ops import queries
from tests.logins import Logins
from tests.processes import ingest
from tests.pushes import entry, push
from workers.database import Database, connect
from workers.settle import settle
from workers.sweeper.loop import Sweeper

Rows = Connection[dict[str, Any]]

HOSTILE = {
    # These two hold from the moment in which a session begins until it is ours, which a busy machine may draw out.
    "statement_timeout": "2s",
    "idle_session_timeout": "2s",
    "lock_timeout": "1ms",
    "idle_in_transaction_session_timeout": "1ms",
    "search_path": "evil, pg_catalog",
    "client_encoding": "LATIN1",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "iso_8601",
    "TimeZone": "Asia/Jakarta",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "standard_conforming_strings": "off",
    "backslash_quote": "off",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "quote_all_identifiers": "on",
    "default_transaction_read_only": "on",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "synchronous_commit": "off",
    "row_security": "off",
    "exit_on_error": "on",
    "client_min_messages": "error",
    "jit": "on",
    "plan_cache_mode": "force_generic_plan",
    "enable_indexscan": "off",
    "enable_bitmapscan": "off",
    "enable_indexonlyscan": "off",
    "enable_nestloop": "off",
    "enable_partition_pruning": "off",
    "gin_fuzzy_search_limit": "1",
}


@contextmanager
def database_set_to(connection: Rows, **values: str) -> Iterator[None]:
    """Give settings of the tests' database other values for sessions that begin before the block ends."""
    name = sql.Identifier(connection.info.dbname)
    try:
        for setting, value in values.items():
            literal = sql.SQL(value) if setting in ("search_path", "DateStyle") else sql.Literal(value)
            change = sql.SQL("ALTER DATABASE {} SET {} = {}").format(name, sql.Identifier(setting), literal)
            connection.execute(change)
        yield
    finally:
        connection.execute(sql.SQL("ALTER DATABASE {} RESET ALL").format(name))


LOOKS = (
    "find c1",
    "find case-1",
    "export --case-id case-1",
    "reconcile",
    "dead list",
    "erase --case-id none --dry-run",
)


def looks() -> list[tuple[int, str, str]]:
    """What the commands say of what is stored."""
    results = [ingest(*command.split()) for command in LOOKS]
    return [(one.returncode, one.stdout, one.stderr) for one in results]


def test_hostile_settings_change_nothing(
    environment: None, connection: Rows, logins: Logins, database: Database, client: Any
) -> None:
    """Whatever is set for the database, web, worker and sweeper store the same, and commands say the same of it."""
    settle(database, [entry(push("c1")), entry(b"[]")])
    before = looks()
    with database_set_to(connection, **HOSTILE):
        assert looks() == before
        assert "no worker is running" in ingest("status", "--json").stdout
        asyncio.run(store_and_wait(logins.web))
        with closing(Database(logins.worker, patience_seconds=1)) as own:
            settle(own, [entry(push("c2", number="+919812345678"))])
            assert Sweeper(client, own).run_once() == 2
    calls = connection.execute("SELECT call_id, duration::text FROM airudder.calls ORDER BY call_id").fetchall()
    assert calls == [{"call_id": name, "duration": "00:00:07"} for name in ("c1", "c2", "c3", "c4")]


async def store_and_wait(url: str) -> None:
    """Store a push on a connection that was idle for longer than the database allows."""
    fallback = Fallback(url)
    await fallback.store([entry(push("c3"))])
    await asyncio.sleep(2.5)
    await fallback.store([entry(push("c4"))])
    await fallback.close()


@pytest.mark.parametrize("kind", ["WEB", "COMMANDS", "WORKERS"])
def test_every_setting_is_ours(connection: Rows, logins: Logins, kind: str) -> None:
    """Each setting that a session rests on has the value that we gave it."""
    wanted = session._FIRST | session._COMMON | getattr(session, kind)
    with database_set_to(connection, **HOSTILE), opened(logins.worker, kind) as ours:
        for name, value in wanted.items():
            # Those of a socket inside of the machine are always 0.
            if name.startswith("tcp_") or session._SINCE.get(name, 0) > ours.info.server_version:
                continue
            (found,) = ours.execute("SELECT current_setting(%s)", [name]).fetchone() or ()
            (unit,) = ours.execute("SELECT unit FROM pg_settings WHERE lower(name) = lower(%s)", [name]).fetchone() or (
                None,
            )
            assert (found == value) or (unit and found.startswith(value)), name


@contextmanager
def opened(url: str, kind: str) -> Iterator[Connection[tuple[Any, ...]]]:
    """A session of one kind, as it is set up everywhere."""
    with psycopg.connect(url, **connection_options(url)) as ours:
        ours.execute(session.set_up(getattr(session, kind), ours.info.server_version))
        yield ours


@pytest.mark.parametrize(("given", "kept"), [("off", "on"), ("local", "local"), ("remote_apply", "remote_apply")])
def test_commit_waits_for_disk(connection: Rows, logins: Logins, given: str, kept: str) -> None:
    """A role or database that does not wait for the disk would lose what was acknowledged; what waits for more, or for
    no standby, is somebody's choice."""
    with database_set_to(connection, synchronous_commit=given), opened(logins.web, "WEB") as ours:
        assert ours.execute("SHOW synchronous_commit").fetchone() == (kept,)


def test_url_and_environment_are_overruled(logins: Logins, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a URL or a variable of libpq's sets is set after them."""
    for name, value in (
        ("PGOPTIONS", "-c IntervalStyle=iso_8601 -c statement_timeout=50"),
        ("PGCLIENTENCODING", "LATIN1"),
        ("PGTZ", "Asia/Jakarta"),
        ("PGDATESTYLE", "German"),
        ("PGTARGETSESSIONATTRS", "standby"),
        ("PGAPPNAME", "somebody"),
    ):
        monkeypatch.setenv(name, value)
    url = make_conninfo(logins.worker, client_encoding="LATIN1", options="-c DateStyle=German", application_name="x")
    with closing(connect(url)) as ours:
        shown = "SELECT now() - now(), current_setting('TimeZone'), current_setting('DateStyle')"
        (_, *settings) = ours.execute(shown).fetchone() or ()
        assert settings == ["UTC", "ISO, MDY"]
        assert (ours.info.encoding, ours.info.parameter_status("application_name")) == ("utf-8", "airudder-ingest")


@pytest.fixture(params=["LATIN1", "SQL_ASCII"])
def database_of_other_encoding(request: pytest.FixtureRequest, database_url: str) -> Iterator[str]:
    """A database that cannot hold every name."""
    with psycopg.connect(database_url, autocommit=True) as maker:
        name = f"{conninfo_to_dict(database_url)['dbname']}_{request.param.lower()}"
        maker.execute(f"CREATE DATABASE {name} ENCODING '{request.param}' LOCALE 'C' TEMPLATE template0")
        yield make_conninfo(database_url, dbname=name)
        maker.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_other_encoding_is_named(environment: None, database_of_other_encoding: str) -> None:
    """`migrate` refuses it, `doctor` names it, and a worker waits instead of burying what it cannot write."""
    url = database_of_other_encoding
    refused = ingest("migrate", DATABASE_URL=url)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "ENCODING 'UTF8'" in refused.stderr
    found = ingest("doctor", DATABASE_URL=url)
    assert found.returncode == 1
    assert any(line.startswith("CHANGE") and "ENCODING 'UTF8'" in line for line in found.stdout.splitlines())
    with (
        closing(Database(url, patience_seconds=0.2)) as database,
        pytest.raises(PostgresAwayError, match="ENCODING 'UTF8'"),
    ):
        settle(database, [entry(push("c1"))])


@pytest.mark.parametrize(
    ("version", "lacks"),
    [
        (110022, ["plan_cache_mode", "idle_session_timeout", "transaction_timeout"]),
        (130015, ["idle_session_timeout", "transaction_timeout"]),
        (140000, ["transaction_timeout"]),
        (180001, []),
    ],
)
def test_older_server_is_named(version: int, lacks: list[str]) -> None:
    """What an older server lacks is not asked of it, so that its version is told and not the setting that it lacks."""
    why = session.unfit({"server_encoding": "UTF8"}.get, version)
    asked = session.set_up(session.COMMANDS, version).decode()

    assert why == (f"the server is Postgres {version // 10000}: 14 or newer is needed" if version < 140000 else None)
    assert [name for name in session._SINCE if f"SET {name} " not in asked] == lacks


def test_setting_that_a_server_lacks_is_not_blamed_on_the_url(
    environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a server that is like Postgres does not know a setting, its own words are told."""
    monkeypatch.setitem(session._COMMON, "no_such_setting", "on")

    with pytest.raises(PostgresAwayError, match='unrecognized configuration parameter "no_such_setting"'):
        queries.answered(settings.load(), lambda connection: None)
