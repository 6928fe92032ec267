"""Copying rows: what goes wrong on either side, and who copies at the same time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import Connection

import workers.settle
from ingest.batch.entry import Entry
from ingest.kinds.normalise import normalise
from tests.batches import count_copies, settle_at_once
from tests.pushes import entry, push
from tests.stored import DEADLOCKS, outcomes, rows
from workers.copy import copy_pushes
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]


class Interrupted(list[tuple[Any, ...]]):
    """Rows in the midst of which a job's time is over."""

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        yield copied(entry(push("c1")))
        raise TimeoutError("Budi")


def copied(one: Entry, **changes: Any) -> tuple[Any, ...]:
    """A push as it is copied."""
    push = normalise(one).push._replace(**changes)
    return (*push, True, 1, push.received_at)


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ([copied(entry(push("c1")), case_id="Budi \ud800")], UnicodeEncodeError),
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
            copy_pushes(connection, rows)
        raise Warning(f"{connection.closed=}")

    with pytest.raises(Warning, match=r"connection\.closed=True"):
        database.run(work)

    settle(database, [entry(push("c2"))])
    assert connection.execute("SELECT count(*) AS pushes FROM airudder.pushes").fetchone() == {"pushes": 1}


def test_row_that_is_there(database: Database, connection: Rows) -> None:
    """A push that is there refuses all rows of the copy, as an error in the data, and the connection stays open."""
    there, new = entry(push("c1")), entry(push("c2"))
    settle(database, [there])
    before = database.run(backend)
    with pytest.raises(psycopg.errors.UniqueViolation):
        database.run(lambda connection: copy_pushes(connection, [copied(new), copied(there)]))

    assert database.run(backend) == before
    assert connection.execute("SELECT count(*) AS pushes FROM airudder.pushes").fetchone() == {"pushes": 1}


def test_concurrent_copies_of_same_calls(database_url: str, connection: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that write the same new calls at once, each with people of its own, do not deadlock, no copy fails, and
    the newest of everything is left."""
    monkeypatch.setattr(workers.settle, "COPY_FROM", 1)
    copies = count_copies(monkeypatch)
    chance = random.Random(1)
    batches: list[list[dict[str, Entry]]] = [
        [
            {
                f"w{wave}c{call}": entry(push(f"w{wave}c{call}", f"+62812{worker}{wave:02}{call:04}"))
                for call in chance.sample(range(10 * worker, 10 * worker + 30), 30)
            }
            for wave in range(12)
        ]
        for worker in range(4)
    ]
    before = connection.execute(DEADLOCKS).fetchone()

    settle_at_once(database_url, [[list(batch.values()) for batch in own] for own in batches])

    assert copies[False] == 0
    assert copies[True] == 4 * 12
    assert outcomes(connection) == {"normalised": 12 * 4 * 30}
    newest = {call_id: one.uuid for own in batches for batch in own for call_id, one in batch.items()}
    for table in ("calls", "call_attributes"):
        assert {row["call_id"]: row["push_id"] for row in rows(connection, table)} == newest
    assert len(rows(connection, "call_turns")) == 2 * len(newest)
    assert connection.execute(DEADLOCKS).fetchone() == before


def backend(connection: Connection[Any]) -> Any:
    """Which process of Postgres serves the connection."""
    return connection.execute("SELECT pg_backend_pid()").fetchone()
