"""`push_events`: what befell a push beside the usual is kept, each event once."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import Connection

from ingest.batch.entry import Entry
from tests.batches import settle_at_once
from tests.pushes import entry, push
from tests.stored import store_pending
from workers.database import Database
from workers.settle import bury, settle
from workers.sweeper.loop import Sweeper

Rows = Connection[dict[str, Any]]

NOT_AN_OBJECT = "a JSON object is expected, not an array"


def events(connection: Rows, one: Entry) -> list[tuple[str, str | None]]:
    """The events of a push and its error at each, in their order."""
    found = connection.execute(
        "SELECT event, error FROM airudder.push_events WHERE push_id = %s AND received_at = %s ORDER BY event_id",
        [one.uuid, one.received_at],
    )
    return [(row["event"], row["error"]) for row in found]


@pytest.mark.usefixtures("copy_from")
def test_death_is_noted(database: Database, connection: Rows) -> None:
    """Of a batch the dead have an event with their error, and no other push has one."""
    dead, fine = entry(b"[]"), entry(push())

    settle(database, [dead, fine])

    assert events(connection, dead) == [("died", NOT_AN_OBJECT)]
    assert events(connection, fine) == []


@pytest.mark.usefixtures("copy_from")
def test_death_is_noted_once(database_url: str, database: Database, connection: Rows) -> None:
    """Also where its batch is settled by two workers at once, and then again."""
    batch = [entry(b"[]"), entry(push())]

    settle_at_once(database_url, [[batch], [batch]])
    settle(database, batch)

    assert events(connection, batch[0]) == [("died", NOT_AN_OBJECT)]


def test_death_of_a_pending_push_is_noted(sweeper: Sweeper, connection: Rows) -> None:
    """The sweeper notes it as workers do, and so it does where it buries a push that ended it."""
    dead, poison = entry(b"[]"), entry(push())
    store_pending(connection, dead)
    store_pending(connection, poison, attempts=3)

    sweeper.run_once()

    assert events(connection, dead) == [("died", NOT_AN_OBJECT)]
    assert events(connection, poison) == [("died", "its normalising ended the sweeper, alone as well")]


def test_nothing_is_noted_of_a_settled_push(database: Database, connection: Rows) -> None:
    """A push that has its outcome does not die of a later attempt."""
    one = entry(push())
    settle(database, [one])

    bury(database, one, "its normalising ended the worker, alone as well")

    assert events(connection, one) == []
