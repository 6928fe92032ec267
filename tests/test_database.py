"""A worker's connection to Postgres: lost, replaced, tried again."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import Connection

from ingest.errors import PostgresAwayError
from ingest.kinds.normalise import normalise
from ingest.tables import TABLE_OF
from tests.pushes import entry, push
from tests.stored import outcomes
from workers.database import Database, is_of_a_function
from workers.settle import settle

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("copy_from")


def test_postgres_away_is_waited_for(connection: Rows) -> None:
    """Without Postgres nothing is settled and nothing is dead: the caller is told after some patience."""
    database = Database("postgresql://nobody@127.0.0.1:1/none", patience_seconds=0.2)

    with pytest.raises(PostgresAwayError) as caught:
        settle(database, [entry(push())])

    assert caught.value.__cause__ is None


def test_lock_that_is_not_had_costs_no_session(database: Database, database_url: str, connection: Rows) -> None:
    """The server answers, and the session may hold a lock of its own, as the sweeper's does."""

    def work(own: Connection[Any]) -> None:
        own.execute("SET LOCAL lock_timeout = '10ms'")
        own.execute("SELECT FROM airudder.pushes")

    before = database.run(lambda own: own.info.backend_pid)
    with Connection.connect(database_url) as other:
        other.execute("LOCK TABLE airudder.pushes IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(PostgresAwayError, match="LockNotAvailable"):
            database.run(work, patience_seconds=0)

    assert database.run(lambda own: own.info.backend_pid) == before


def test_upserts_are_planned_once(database: Database, connection: Rows) -> None:
    """A worker's session keeps the plan of each table's upsert, and of the statement that logs what is settled, which
    cost more than to execute them; and of nothing else, whose plan depends on values."""
    for number in range(10):
        settle(database, [entry(push(f"c{number}"))])

    plans = (
        r"SELECT substring(statement FROM 'INSERT INTO (airudder\.\w+)'), generic_plans > 0 FROM pg_prepared_statements"
    )
    prepared = database.run(lambda connection: connection.execute(plans).fetchall())
    assert all(is_planned_once for _, is_planned_once in prepared)
    upserts = {f"airudder.{TABLE_OF[type(row)].name}" for row in normalise(entry(push())).rows}
    # The log is written by the statement that writes the pushes, or beside their COPY.
    assert {table for table, _ in prepared} - upserts in ({"airudder.pushes"}, {"airudder.settlements"})
    assert len(prepared) == len(upserts) + 1


def test_lost_connection_is_replaced(database: Database, connection: Rows) -> None:
    """A connection that the server ended is opened anew, and the batch settled."""
    settle(database, [entry(push("c1"))])
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    settle(database, [entry(push("c2"))])

    assert outcomes(connection) == {"normalised": 2}


def test_serialization_failure_is_retried(database: Database, connection: Rows) -> None:
    """A transaction that the server asks to try again is tried again."""
    attempts = []

    def work(connection: Connection[tuple[Any, ...]]) -> str:
        attempts.append(1)
        if len(attempts) == 1:
            connection.execute("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$")
        return "done"

    assert database.run(work) == "done"
    assert len(attempts) == 2


def test_data_error_is_not_retried(database: Database, connection: Rows) -> None:
    """An error in the data is raised at once, and the connection stays fit for use."""
    with pytest.raises(psycopg.errors.DivisionByZero):
        database.run(lambda connection: connection.execute("SELECT 1 / 0"))

    settle(database, [entry(push())])
    assert outcomes(connection) == {"normalised": 1}


@pytest.mark.parametrize(
    ("context", "is_so"),
    [
        (None, False),
        ("COPY pushes, line 1", False),
        ("COPY pushes, Zeile 1", False),
        ("pushes 복사, 1번째 줄", False),
        ('JSON data, line 1: {"a":...', False),
        ("無名ポータルパラメータ $1", False),
        ('COPY calls, line 1, column slots: "PL/pgSQL function"', False),
        ('JSON data, line 1: {"comment": "SQL...', False),
        ("unnamed portal parameter $1 = 'SQL'", False),
        ("PL/pgSQL function crm.note() line 1 at assignment", True),
        ("PL/pgSQL-Funktion crm.note() Zeile 1 bei Zuweisung\nCOPY pushes, Zeile 1", True),
        ("在赋值的第1行的PL/pgSQL函数crm.note()", True),
        ("crm.note() PL/pgSQL fonksiyonu, 1. satır, atama içinde", True),
        ('SQL関数"number_of"の行番号 1', True),
        ('внедрённая в код SQL-функция "number_of"', True),
        ('PL/Python function "note"', True),
    ],
)
def test_function_is_known_in_each_language(context: str | None, is_so: bool) -> None:
    """Whatever lc_messages is, the server's words tell whether a function of the customer's has failed."""
    assert is_of_a_function(context) == is_so
