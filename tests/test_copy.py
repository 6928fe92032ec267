"""Copying rows: what goes wrong on either side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from tests.pushes import entry, push
from workers.copy import TURNS, copy
from workers.postgres import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]


class Interrupted(list[tuple[Any, ...]]):
    """Rows in the midst of which a job's time is over."""

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        yield ("default", "c1", 0, None, "a", None)
        raise TimeoutError("Budi")


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ([("default", "c1", 0, None, "Budi \ud800", None)], UnicodeEncodeError),
        (Interrupted([()]), TimeoutError),
    ],
    ids=["a row that psycopg refuses", "a time-out"],
)
def test_copy_that_we_end(
    database: Database, connection: Rows, rows: list[tuple[Any, ...]], error: type[Exception]
) -> None:
    """Without a word to Postgres, whose log would show the reason with what is in it, and without waiting for it."""

    def work(connection: Connection[Any]) -> bool:
        with pytest.raises(error):
            copy(connection, TURNS, rows)
        raise Warning(f"{connection.closed=}")

    with pytest.raises(Warning, match=r"connection\.closed=True"):
        database.run(work)

    settle(database, [entry(push("c2"))])
    assert connection.execute("SELECT count(*) AS turns FROM airudder.call_turns").fetchone() == {"turns": 2}


def test_row_that_is_there(database: Database, connection: Rows) -> None:
    """A key that is there refuses all rows of the copy, as an error in the data, and the connection stays open."""
    settle(database, [entry(push("c1", turns=1))])
    before = database.run(backend)
    rows = [("default", "c1", position, None, "again", None) for position in (1, 0)]
    with pytest.raises(psycopg.errors.UniqueViolation):
        database.run(lambda connection: copy(connection, TURNS, rows))

    assert database.run(backend) == before
    assert connection.execute("SELECT count(*) AS turns FROM airudder.call_turns").fetchone() == {"turns": 1}


def backend(connection: Connection[Any]) -> Any:
    """Which process of Postgres serves the connection."""
    return connection.execute("SELECT pg_backend_pid()").fetchone()
