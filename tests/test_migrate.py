"""`ingest migrate`: an older database becomes what schema.sql makes anew, and nobody waits for it."""

from __future__ import annotations

import dataclasses
import secrets
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

from ingest.batch.entry import pending_columns
from ingest.errors import MigrationError
from ingest.resources import locate
from ops.commands.migrate import command
from ops.migrations import migrator, patience
from ops.migrations.files import How, Migration, Step, read_migrations
from ops.migrations.migrator import Migrator
from tests.processes import wait_until
from tests.pushes import entry, push
from tests.servers import Servers
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

FIRST_SCHEMA = Path(__file__).parent / "migrations" / "schema_0.sql"
"""schema.sql as it was before there were migrations"""
FIRST_ROWS = Path(__file__).parent / "migrations" / "rows_0.sql"
"""What workers of that time wrote"""

OURS = "relnamespace IN ('airudder'::regnamespace, to_regnamespace('airudder_analytics'))"
CATALOG: dict[str, LiteralString] = {
    "relations": f"""
        SELECT oid::regclass::text AS name, relkind, reloptions, pg_get_partkeydef(oid) AS key,
          obj_description(oid) AS comment
        FROM pg_class WHERE {OURS} AND NOT relispartition""",
    "columns": f"""
        SELECT attrelid::regclass::text AS name, attname, format_type(atttypid, atttypmod) AS type, attnotnull,
          attgenerated, pg_get_expr(adbin, adrelid) AS value, col_description(attrelid, attnum) AS comment
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE {OURS} AND NOT relispartition AND attnum > 0 AND NOT attisdropped""",
    "constraints": f"""
        SELECT conrelid::regclass::text AS name, conname, pg_get_constraintdef(pg_constraint.oid) AS definition,
          convalidated
        FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid WHERE {OURS} AND NOT relispartition""",
    "indexes": f"""
        SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition, indisvalid
        FROM pg_index JOIN pg_class ON pg_class.oid = indrelid WHERE {OURS} AND NOT relispartition""",
    "indexes of partitions": f"""
        SELECT DISTINCT array_agg(inhparent::regclass::text ORDER BY inhparent::regclass::text) AS indexes,
          bool_and(indisvalid) AS valid
        FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
        LEFT JOIN pg_inherits ON inhrelid = indexrelid WHERE {OURS} AND relispartition GROUP BY indrelid""",
    "partitions' own indexes": """
        SELECT DISTINCT array_agg(right(own.relname, -length(pg_class.relname)) ORDER BY own.relname) AS indexes
        FROM pg_index JOIN pg_class ON pg_class.oid = indrelid JOIN pg_class AS own ON own.oid = indexrelid
        WHERE pg_class.relnamespace = 'airudder'::regnamespace AND pg_class.relispartition
          AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = indexrelid)
        GROUP BY indrelid""",
    "views": f"""
        SELECT oid::regclass::text AS name, pg_get_viewdef(oid) AS definition
        FROM pg_class WHERE {OURS} AND relkind = 'v'""",
    "functions": """
        SELECT pg_get_functiondef(oid) AS definition, obj_description(oid) AS comment, proacl::text
        FROM pg_proc WHERE pronamespace = 'airudder'::regnamespace""",
    "rights on tables": f"""
        SELECT pg_class.oid::regclass::text AS name, grantee::regrole::text, privilege_type
        FROM pg_class CROSS JOIN LATERAL aclexplode(relacl) WHERE {OURS} AND NOT relispartition""",
    "rights on columns": f"""
        SELECT attrelid::regclass::text AS name, attname, grantee::regrole::text, privilege_type
        FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid CROSS JOIN LATERAL aclexplode(attacl)
        WHERE {OURS} AND NOT relispartition AND NOT attisdropped""",
    "rights on schemas": """
        SELECT nspname, grantee::regrole::text, privilege_type, obj_description(oid) AS comment
        FROM pg_namespace CROSS JOIN LATERAL aclexplode(nspacl) WHERE nspname LIKE 'airudder%%'""",
}


def catalog(connection: Rows) -> dict[str, list[dict[str, Any]]]:
    """Everything that makes a schema, in an order of its own."""
    return {what: sorted(connection.execute(statement).fetchall(), key=repr) for what, statement in CATALOG.items()}


@contextmanager
def database_made_by(servers: Servers, schema: bytes | None) -> Iterator[str]:
    """The URL of a new database that a schema was applied to; dropped at the end."""
    name = f"ingest_test_{secrets.token_hex(4)}"
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            url = make_conninfo("", **{**conninfo_to_dict(servers.database_url), "dbname": name})
            with psycopg.connect(url, autocommit=True) as fresh:
                if schema:
                    fresh.execute(schema)
            yield url
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def old_url(servers: Servers) -> Iterator[str]:
    """A database from before there were migrations, with some pushes in it."""
    with database_made_by(servers, FIRST_SCHEMA.read_bytes()) as url:
        with connect(url) as connection:
            connection.execute(FIRST_ROWS.read_bytes())
        yield url


def connect(url: str) -> Rows:
    """A connection whose every statement commits."""
    return psycopg.connect(url, autocommit=True, row_factory=dict_row)


def migrate(url: str) -> list[str]:
    """Migrate; what was said and warned of."""
    said: list[str] = []
    with connect(url) as connection:
        Migrator(connection, said.append, said.append).run()
    return said


@contextmanager
def reading(url: str) -> Iterator[None]:
    """A report that has read every table, and whose transaction is still open."""
    with psycopg.connect(url) as report:
        tables = report.execute(f"SELECT oid::regclass::text FROM pg_class WHERE {OURS} AND relkind IN ('r', 'p', 'v')")
        for (table,) in tables.fetchall():
            report.execute(f"SELECT FROM {table} LIMIT 1")
        yield


INSERT_PENDING_BEFORE = """
INSERT INTO airudder.pushes (push_id, received_at, source, kind, body)
SELECT push_id, received_at, source, kind, body
FROM unnest(%b::uuid[], %b::timestamptz[], %b::text[], %b::text[], %b::bytea[])
  AS entry (push_id, received_at, source, kind, body)
ON CONFLICT (received_at, push_id) DO NOTHING
"""
"""As web of the first version stores pushes, which goes on until it is restarted"""


@contextmanager
def storing(url: str) -> Iterator[list[float]]:
    """Web of an older version, which stores pending pushes all the while; the seconds that each has taken."""
    stop, seconds = threading.Event(), [0.0]

    def work() -> None:
        with connect(url) as connection:
            while not stop.is_set():
                begun = time.monotonic()
                *columns, _ = pending_columns([entry(push(secrets.token_hex(8)))])
                connection.execute(INSERT_PENDING_BEFORE, columns)
                seconds.append(time.monotonic() - begun)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        wait_until(lambda: len(seconds) > 1, "a push is stored")
        yield seconds
    finally:
        stop.set()
        thread.join()


def test_old_database_becomes_new(servers: Servers, old_url: str) -> None:
    """While pushes arrive, an older database gets a new one's catalog and keeps its rows."""
    with database_made_by(servers, locate("schema.sql").read_bytes()) as new_url, connect(new_url) as new:
        with connect(old_url) as old:
            # Of a day that is over, as those are whose pushes are replayed.
            for each in (old, new):
                each.execute("SELECT airudder.ensure_pushes_partition((now() AT TIME ZONE 'UTC')::date - 5)")
            before = lists(old)
        with storing(old_url):
            said = migrate(old_url)
        assert said == [*(f"{one.name} is applied" for one in read_migrations()), "the tables are up to date"]
        with connect(old_url) as old:
            assert catalog(old) == catalog(new)
            assert lists(old) == before
            assert old.execute(CALLS).fetchall() == [
                {"call_id": "c1", "turn_count": 4, "callee_turn_count": 3, "callee_word_count": 9, "kept_from": None}
                | {"seconds": 7},
                {"call_id": "c2", "turn_count": 4, "callee_turn_count": 3, "callee_word_count": 9}
                | {"kept_from": {"transcript": "019acdef-0000-7000-8000-000000000000"}, "seconds": 7},
                {"call_id": "c3", "turn_count": None, "callee_turn_count": None, "callee_word_count": None}
                | {"kept_from": None, "seconds": None},
            ]
            counted = old.execute("SELECT status, count(*) AS pushes FROM airudder.pushes GROUP BY 1").fetchall()
            outcomes = {row["status"]: row["pushes"] for row in counted}
            assert (outcomes["normalised"], outcomes["duplicate"]) == (60, 1)
            with closing(Database(old_url, patience_seconds=0)) as database:
                settle(database, [entry(push(f"new {number}")) for number in range(60)])


def test_log_of_settlements_moves(old_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table that has a key gets every row of the one before, once, though the move was interrupted."""
    everything = read_migrations()
    before, moves = [one for one in everything if one.number < 17], next(one for one in everything if one.number == 17)
    first, second, _ = moves.steps
    broken = Step(second.how, second.statements.replace("COMMIT;", "COMMIT; PERFORM 1 / 0;"))
    logged: LiteralString = (
        "SELECT worker, settled_at, normalised FROM airudder.settlements ORDER BY settled_at, worker"
    )
    monkeypatch.setattr(migrator, "read_migrations", lambda: before)
    migrate(old_url)
    with connect(old_url) as connection:
        connection.execute(
            "INSERT INTO airudder.settlements SELECT now() - number / 3 * interval '1 minute', NULL, 'w' || number, 1, "
            "'s', 'k', now(), 1, 0, 0, 0, '{}', 0 FROM generate_series(1, 25000) AS one (number)"
        )
        rows = connection.execute(logged).fetchall()
        monkeypatch.setattr(
            migrator, "read_migrations", lambda: [*before, dataclasses.replace(moves, steps=[first, broken])]
        )
        with pytest.raises(psycopg.errors.DivisionByZero):
            migrate(old_url)
        assert 0 < connection.execute(logged).rowcount < len(rows)
        monkeypatch.setattr(migrator, "read_migrations", lambda: everything)
        migrate(old_url)
        assert connection.execute(logged).fetchall() == rows


CALLS: LiteralString = """
SELECT call_id, turn_count, callee_turn_count, callee_word_count, kept_from,
  extract(epoch FROM duration)::integer AS seconds
FROM airudder.calls WHERE call_id IN ('c1', 'c2', 'c3') ORDER BY call_id
"""


def lists(connection: Rows) -> list[list[dict[str, Any]]]:
    """All turns and answers."""
    return [
        connection.execute(
            "SELECT source, call_id, position, call_offset, robot_text, callee_text FROM airudder.call_turns "
            "ORDER BY call_id, position"
        ).fetchall(),
        connection.execute("SELECT * FROM airudder.case_answers ORDER BY callee_number, position").fetchall(),
    ]


def test_report_holds_up_nobody_else(old_url: str) -> None:
    """A report keeps every table for as long as it reads: the migration waits for its end, with pauses in which web and
    workers are not behind it."""
    with ThreadPoolExecutor() as thread, storing(old_url) as seconds:
        with reading(old_url), connect(old_url) as watcher:
            said = thread.submit(migrate, old_url)
            waits = "SELECT FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
            wait_until(lambda: watcher.execute(waits).fetchall(), "the migration asks for a lock")
            so_far = len(seconds)
            wait_until(lambda: len(seconds) > so_far + 100, "pushes are stored")
            assert not said.done()
        assert said.result()[-1] == "the tables are up to date"


def test_dump_holds_up_nobody_else(old_url: str) -> None:
    """Where a dump began before an index is built, the migration waits for its end, and web does not."""
    with ThreadPoolExecutor() as thread, storing(old_url) as seconds, connect(old_url) as watcher:
        with psycopg.connect(old_url) as dump:
            dump.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            dump.execute("SELECT FROM airudder.calls")
            said = thread.submit(migrate, old_url)
            waiting = "SELECT FROM pg_stat_progress_create_index WHERE phase = 'waiting for old snapshots'"
            wait_until(lambda: watcher.execute(waiting).fetchall(), "the migration waits")
            so_far = len(seconds)
            wait_until(lambda: len(seconds) > so_far + 5, "pushes are stored")
            assert not said.done()
        assert said.result()[-1] == "the tables are up to date"


def test_new_database_is_whole(servers: Servers) -> None:
    """An empty database gets schema.sql, is of the newest number then, and migrated again is left as it is."""
    with database_made_by(servers, None) as url:
        assert migrate(url) == ["schema.sql is applied"]
        with connect(url) as connection:
            newest = connection.execute("SELECT max(number) AS number FROM airudder.migrations").fetchone()
            assert newest == {"number": read_migrations()[-1].number}
            before = catalog(connection)
            assert migrate(url) == ["the tables are up to date"]
            assert catalog(connection) == before


def test_files_are_numbered_in_turn() -> None:
    """The numbers of the files are 1, 2, 3 and so on."""
    assert [one.number for one in read_migrations()] == list(range(1, len(read_migrations()) + 1))


def test_nothing_waits_where_all_is_new(database_url: str, connection: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a database that is up to date no lock is wanted that readers or writers have."""
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0)
    with reading(database_url), psycopg.connect(database_url) as writer:
        writer.execute("DELETE FROM airudder.pushes")
        writer.execute("UPDATE airudder.calls SET attempt = 1")
        assert migrate(database_url) == ["the tables are up to date"]


def test_lock_is_not_waited_for(old_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be locked is tried again, and then left with a word on who may hold it; the next run goes on."""
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 1)
    with psycopg.connect(old_url, application_name="bulk load") as holder:
        holder.execute("LOCK TABLE airudder.pushes IN ROW EXCLUSIVE MODE")
        with pytest.raises(MigrationError, match=r"0002_pushes_by_number waits .* \(bulk load\) is in a tr"):
            migrate(old_url)
    rest = [f"{one.name} is applied" for one in read_migrations() if one.number > 1]
    assert migrate(old_url) == [*rest, "the tables are up to date"]


def test_interrupted_index_is_built_again(old_url: str) -> None:
    """An index that a killed migration left half-built is dropped and made anew."""
    with connect(old_url) as connection:
        for statement in (
            "CREATE INDEX pushes_callee_number ON ONLY airudder.pushes (callee_number) WHERE callee_number IS NOT NULL",
            "CREATE INDEX pushes_default_pushes_callee_number ON airudder.pushes_default (call_id)",
            "UPDATE pg_index SET indisvalid = false "
            "WHERE indexrelid = 'airudder.pushes_default_pushes_callee_number'::regclass",
        ):
            connection.execute(statement)
        migrate(old_url)
        found = connection.execute(
            "SELECT indisvalid, pg_get_indexdef(indexrelid, 1, true) AS leading FROM pg_index "
            "WHERE indexrelid IN ('airudder.pushes_default_pushes_callee_number'::regclass, "
            "'airudder.pushes_callee_number'::regclass)"
        )
        assert found.fetchall() == [{"indisvalid": True, "leading": "callee_number"}] * 2


def test_second_migration_waits_for_the_first(old_url: str) -> None:
    """Of two that migrate at once one says that it waits, and then does what is left."""
    with ThreadPoolExecutor() as thread, connect(old_url) as first:
        first.execute(patience.TRY_LOCK)
        second = thread.submit(migrate, old_url)
        asking = "SELECT FROM pg_stat_activity WHERE query LIKE '%%advisory_lock%%' AND pid <> pg_backend_pid()"
        wait_until(lambda: first.execute(asking).fetchall(), "the second asks for the lock")
        first.execute(patience.UNLOCK)
    waited, *_, last = second.result()
    assert (waited, last) == ("another process migrates this database: waiting for it", "the tables are up to date")


def test_newer_tables_are_left_alone(old_url: str) -> None:
    """A program that is older than the tables puts none of its own functions in place of newer ones."""
    migrate(old_url)
    with connect(old_url) as connection:
        connection.execute("INSERT INTO airudder.migrations VALUES (9999, 'later', 1, now())")
        before = catalog(connection)
        (said,) = migrate(old_url)
        assert said.startswith("the tables are newer (9999) than this program")
        assert catalog(connection) == before


def test_failure_quotes_no_row(old_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration that data stands in the way of says which error it is, and not with which value."""
    refused = [Migration(1000, "1000_trial", [Step(How.TRANSACTION, "SELECT min(case_id)::date FROM airudder.cases")])]
    monkeypatch.setattr(migrator, "read_migrations", lambda: refused)
    monkeypatch.setenv("DATABASE_URL", old_url)

    with pytest.raises(MigrationError, match=r"not up to date: InvalidDatetimeFormat 22007") as caught:
        command.callback()  # type: ignore[misc]

    assert '"' not in str(caught.value)


def test_customers_view_is_named(old_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One on a view that a migration has to make anew stops it, and is named."""
    monkeypatch.setenv("DATABASE_URL", old_url)
    with connect(old_url) as connection:
        connection.execute("CREATE VIEW public.of_a_customer AS SELECT * FROM airudder_analytics.calls")
        with pytest.raises(MigrationError, match=r"view public.of_a_customer depends on view .*\.calls"):
            command.callback()  # type: ignore[misc]


def test_steps_are_applied_once(old_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that failed in its midst goes on with the step that failed; one that commits by itself is not in a
    transaction."""
    commits = "DO $$ BEGIN FOR one IN 1..2 LOOP INSERT INTO airudder.noted VALUES (one); COMMIT; END LOOP; END $$"
    steps = [
        Step(How.TRANSACTION, "CREATE TABLE airudder.noted (number integer)"),
        Step(How.ALONE, commits),
        Step(How.TRANSACTION, "INSERT INTO airudder.noted SELECT 1 / 0"),
    ]
    migrate(old_url)
    extended = [*read_migrations(), Migration(1000, "1000_trial", steps)]
    monkeypatch.setattr(migrator, "read_migrations", lambda: extended)
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(old_url)

    steps[2] = Step(How.TRANSACTION, "INSERT INTO airudder.noted VALUES (3)")
    migrate(old_url)

    with connect(old_url) as connection:
        noted = connection.execute("SELECT array_agg(number ORDER BY number) AS numbers FROM airudder.noted").fetchone()
        assert noted == {"numbers": [1, 2, 3]}
