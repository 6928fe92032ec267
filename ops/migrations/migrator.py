"""Brings a database's tables up to schema.sql while others read and write them.

A statement waits 200 ms at most for a lock, as every later session queues behind it; then it is tried again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, LiteralString

from ingest.resources import locate
from ops.migrations.files import How, Migration, Step, read_migrations, read_repeatable_steps
from ops.migrations.indexes import Indexes
from ops.migrations.patience import BEGIN_SESSION, AnyConnection, Patience

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


class Migrator:
    """Applies schema.sql to a database without tables, and to another one the migrations that it lacks.

    `say` is told what was done; `warn`, what is waited for.
    Raises MigrationError if a lock cannot be had, and what psycopg raises when a statement fails.
    """

    def __init__(self, connection: AnyConnection, say: Callable[[str], None], warn: Callable[[str], None]) -> None:
        self._connection = connection
        self._say = say
        self._patience = Patience(connection, warn)
        self._indexes = Indexes(connection, self._patience)

    def run(self) -> None:
        """Bring the tables up to date; twice is harmless."""
        self._connection.execute(BEGIN_SESSION)
        with self._patience.alone():
            if self._one(TABLES_EXIST)["are_there"]:
                self._bring_up()
            else:
                self._patience.apply("schema.sql", self._execute, locate("schema.sql").read_text())
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
            self._patience.apply("schema.sql", self._execute, step.statements)
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
            self._patience.apply(migration.name, self._apply_step, step, note)
        self._say(f"{migration.name} is applied")

    def _apply_step(self, step: Step, note: dict[str, Any]) -> None:
        if step.how == How.TRANSACTION:
            with self._connection.transaction():
                self._execute(step.statements)
                self._connection.execute(NOTE_STEP, note)
            return
        if step.how == How.INDEX:
            self._indexes.build(note["name"], step.statements)
        else:
            self._execute(step.statements)
        self._connection.execute(NOTE_STEP, note)

    def _execute(self, statements: str) -> None:
        self._connection.execute(statements.encode())

    def _one(self, statement: LiteralString, **parameters: Any) -> dict[str, Any]:
        row = self._connection.execute(statement, parameters).fetchone()
        assert row, "the statement gives one row"
        return row
