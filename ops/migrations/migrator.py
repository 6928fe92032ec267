"""Brings a database's tables up to schema.sql while others read and write them.

Every statement waits 200 ms at most for a lock, as whoever comes later waits behind it, and is tried again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, LiteralString

from psycopg import Connection, sql
from psycopg.errors import DeadlockDetected, LockNotAvailable, UndefinedTable

from ingest.errors import MigrationError
from ingest.resources import locate
from ops.migrations.files import How, Migration, Step, read_migrations, read_repeatable_steps

PATIENCE_SECONDS = 300.0
"""How long to try again for one lock; a report or a dump may keep it for longer"""
FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 5.0

BEGIN_SESSION: LiteralString = "SET lock_timeout = '200ms'; SET statement_timeout = 0"

TRY_LOCK: LiteralString = "SELECT pg_try_advisory_lock(hashtext('airudder-ingest schema')) AS is_ours"
UNLOCK: LiteralString = "SELECT pg_advisory_unlock(hashtext('airudder-ingest schema'))"

TABLES_EXIST: LiteralString = """
SELECT to_regclass('airudder.pushes') IS NOT NULL AS are_there,
  to_regclass('airudder.migrations') IS NOT NULL AS are_numbered
"""

APPLIED: LiteralString = "SELECT number, steps_applied, applied_at IS NOT NULL AS is_whole FROM airudder.migrations"

NOTE_STEP: LiteralString = """
INSERT INTO airudder.migrations AS noted (number, name, steps_applied, applied_at)
VALUES (%(number)s, %(name)s, %(steps)s, CASE WHEN %(is_whole)s THEN now() END)
ON CONFLICT (number) DO UPDATE SET steps_applied = excluded.steps_applied, applied_at = excluded.applied_at
"""

OLDEST_TRANSACTION: LiteralString = """
SELECT pid, application_name, extract(epoch FROM now() - xact_start)::integer AS seconds
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
  AND xact_start IS NOT NULL
ORDER BY xact_start LIMIT 1
"""

FIND_INDEX: LiteralString = """
SELECT indisvalid AS is_valid FROM pg_index WHERE indexrelid = to_regclass(%(index)s)
"""

FIND_PARTITIONS_WITHOUT: LiteralString = """
SELECT relname AS partition FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = %(table)s::regclass AND NOT EXISTS (
  SELECT FROM pg_index JOIN pg_inherits AS attached ON attached.inhrelid = indexrelid
  WHERE indrelid = pg_class.oid AND attached.inhparent = %(index)s::regclass)
ORDER BY relname
"""

IS_PARTITIONED: LiteralString = "SELECT relkind = 'p' AS is_so FROM pg_class WHERE oid = %(table)s::regclass"

_INDEX = re.compile(r"\s*CREATE INDEX CONCURRENTLY (\w+) ON airudder\.(\w+) ([^;]+);\s*")

_Connection = Connection[dict[str, Any]]


class Migrator:
    """Applies schema.sql to a database without tables, and to another one what it is behind by. `say` is told what was
    done; `warn`, what is waited for.

    Raises MigrationError if a lock cannot be had, and what psycopg raises when a statement fails.
    """

    def __init__(self, connection: _Connection, say: Callable[[str], None], warn: Callable[[str], None]) -> None:
        self._connection = connection
        self._say = say
        self._warn = warn

    def run(self) -> None:
        """Bring the tables up to date; twice is harmless."""
        self._connection.execute(BEGIN_SESSION)
        with self._alone():
            if self._one(TABLES_EXIST)["are_there"]:
                self._bring_up()
            else:
                self._patiently("schema.sql", self._execute, locate("schema.sql").read_text())
                self._say("schema.sql is applied")

    def _bring_up(self) -> None:
        migrations = read_migrations()
        number, steps_applied = self._applied()
        if number > migrations[-1].number:
            self._say(f"the tables are newer ({number}) than this program ({migrations[-1].number}): left as they are")
            return
        for migration in migrations:
            if migration.number > number:
                self._apply(migration, steps_applied.get(migration.number, 0))
        for step in read_repeatable_steps():
            self._patiently("schema.sql", self._execute, step.statements)
        self._say("the tables are up to date")

    def _applied(self) -> tuple[int, dict[int, int]]:
        """The number that the tables are of, and how many steps of later ones are applied."""
        if not self._one(TABLES_EXIST)["are_numbered"]:
            return 0, {}
        rows = self._connection.execute(APPLIED).fetchall()
        number = max((row["number"] for row in rows if row["is_whole"]), default=0)
        return number, {row["number"]: row["steps_applied"] for row in rows if not row["is_whole"]}

    def _apply(self, migration: Migration, steps_applied: int) -> None:
        for done, step in enumerate(migration.steps[steps_applied:], start=steps_applied + 1):
            note = {
                "number": migration.number,
                "name": migration.name,
                "steps": done,
                "is_whole": done == len(migration.steps),
            }
            self._patiently(migration.name, self._apply_step, step, note)
        self._say(f"{migration.name} is applied")

    def _apply_step(self, step: Step, note: dict[str, Any]) -> None:
        if step.how == How.TRANSACTION:
            with self._connection.transaction():
                self._execute(step.statements)
                self._connection.execute(NOTE_STEP, note)
            return
        if step.how == How.INDEX:
            self._build_index(note["name"], step.statements)
        else:
            self._execute(step.statements)
        self._connection.execute(NOTE_STEP, note)

    def _build_index(self, name: str, statement: str) -> None:
        """On each partition by itself, as Postgres does not make the index of a partitioned table concurrently."""
        matched = _INDEX.fullmatch(statement)
        assert matched, f"{name}: an index step is one CREATE INDEX CONCURRENTLY name ON airudder.table …"
        index, table, definition = matched.groups()
        if not self._one(IS_PARTITIONED, table=f"airudder.{table}")["is_so"]:
            self._build_concurrently(index, table, definition)
            return
        if not self._find_index(index):
            self._connection.execute(_create("CREATE INDEX {} ON ONLY {} ", index, table, definition))
        names = {"table": f"airudder.{table}", "index": f"airudder.{index}"}
        for row in self._connection.execute(FIND_PARTITIONS_WITHOUT, names).fetchall():
            with _unless_dropped():
                self._build_on_partition(name, index, row["partition"], definition)

    def _build_on_partition(self, name: str, index: str, partition: str, definition: str) -> None:
        own = f"{partition}_{index}"
        self._build_concurrently(own, partition, definition)
        attach = sql.SQL("ALTER INDEX {} ATTACH PARTITION {}").format(_qualified(index), _qualified(own))
        self._patiently(name, self._connection.execute, attach)

    def _build_concurrently(self, index: str, table: str, definition: str) -> None:
        """Waits for old transactions as long as it takes: others neither read nor write less for it."""
        if (there := self._find_index(index)) and there["is_valid"]:
            return
        self._connection.execute("SELECT set_config('lock_timeout', %s, false)", [f"{PATIENCE_SECONDS}s"])
        try:
            if there:  # what was left of one that was interrupted
                self._connection.execute(sql.SQL("DROP INDEX CONCURRENTLY {}").format(_qualified(index)))
            self._connection.execute(_create("CREATE INDEX CONCURRENTLY {} ON {} ", index, table, definition))
        finally:
            self._connection.execute(BEGIN_SESSION)

    def _find_index(self, index: str) -> dict[str, Any] | None:
        return self._connection.execute(FIND_INDEX, {"index": f"airudder.{index}"}).fetchone()

    def _patiently(self, what: str, apply: Callable[..., object], *arguments: Any) -> None:
        """Try until the lock is there: whoever queues behind us waits for 200 ms, and then has a pause."""
        deadline, wait = time.monotonic() + PATIENCE_SECONDS, FIRST_WAIT_SECONDS
        while True:
            try:
                apply(*arguments)
            except (LockNotAvailable, DeadlockDetected):
                self._connection.rollback()
                if time.monotonic() + wait > deadline:
                    raise MigrationError(f"{what} waits in vain for a lock{self._holder()}; migrate again") from None
            else:
                return
            if wait >= 1:
                self._warn(f"{what} waits for a lock{self._holder()}")
            time.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    def _holder(self) -> str:
        oldest = self._connection.execute(OLDEST_TRANSACTION).fetchone()
        if not oldest:
            return ""
        return f": process {oldest['pid']} ({oldest['application_name']}) is in a transaction for {oldest['seconds']} s"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One migrates at a time. Asks again and again: who waited inside of Postgres would hold up the building of an
        index, which waits for all older statements."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        told = False
        while not self._one(TRY_LOCK)["is_ours"]:
            if time.monotonic() > deadline:
                raise MigrationError("another process migrates this database, and does not come to an end")
            if not told:
                self._warn("another process migrates this database: waiting for it")
                told = True
            time.sleep(FIRST_WAIT_SECONDS)
        try:
            yield
        finally:
            if not self._connection.closed and not self._connection.broken:
                self._connection.rollback()
                self._connection.execute(UNLOCK)

    def _execute(self, statements: str) -> None:
        self._connection.execute(statements.encode())

    def _one(self, statement: LiteralString, **parameters: Any) -> dict[str, Any]:
        row = self._connection.execute(statement, parameters).fetchone()
        assert row, "the statement gives one row"
        return row


@contextmanager
def _unless_dropped() -> Iterator[None]:
    """Retention may drop a partition at any time, with whatever would be made on it."""
    with suppress(UndefinedTable):
        yield


def _qualified(name: str) -> sql.Identifier:
    return sql.Identifier("airudder", name)


def _create(command: LiteralString, index: str, table: str, definition: str) -> sql.Composed:
    return sql.SQL(command).format(sql.Identifier(index), _qualified(table)) + sql.SQL(definition)
