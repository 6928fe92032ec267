"""Copying rows: what goes wrong on our side."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import Connection

from tests.pushes import entry, push
from workers.copy import TURNS, copy
from workers.postgres import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]


def test_row_that_cannot_be_sent(database: Database, connection: Rows) -> None:
    """A row that psycopg refuses ends the copy without a word to Postgres, whose log would show the reason with it."""
    row = ("default", "c1", 0, None, "Budi \ud800", None)
    with pytest.raises(UnicodeEncodeError):
        database.run(lambda connection: copy(connection, TURNS, [row]))

    settle(database, [entry(push("c2"))])
    assert connection.execute("SELECT count(*) AS turns FROM airudder.call_turns").fetchone() == {"turns": 2}


def test_row_that_is_there(database: Database, connection: Rows) -> None:
    """A key that is there refuses all rows of the copy, as an error in the data, and the connection stays open."""
    settle(database, [entry(push("c1", turns=1))])
    rows = [("default", "c1", position, None, "again", None) for position in (1, 0)]
    with pytest.raises(psycopg.errors.UniqueViolation):
        database.run(lambda connection: copy(connection, TURNS, rows))

    assert connection.execute("SELECT count(*) AS turns FROM airudder.call_turns").fetchone() == {"turns": 1}
