"""Bytes that come again and again: what was taken for a retry of a retry is judged anew, in any order of settling."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from psycopg import Connection

from ingest.batch.entry import Entry
from tests.clock import Clock
from tests.of_kind import entry_of
from tests.pushes import IDS, push, received_at
from tests.stored import outcomes, rows, told
from workers.database import Database
from workers.redeliveries import REDELIVERY_WINDOW, RETRIES_LAST
from workers.settle import settle
from workers.sweeper.pending import PendingPushes

Rows = Connection[dict[str, Any]]

STATUS = "workflow-status"
RUNNING, PAUSED = ({"workflow_id": "w1", "status": status} for status in ("running", "paused"))
OWING, PAID = (push(node_id=node) for node in ("n1", "n2"))
OWING["callee"]["total_owing_amount"], PAID["callee"]["total_owing_amount"] = "100", "0"


def deliveries_of(kind: str, minutes: Sequence[int], source: str) -> list[Entry]:
    """The same bytes at each of these minutes, and at minute 5 others. A kind that says when has a day for six."""
    scale = 1 if kind == STATUS else REDELIVERY_WINDOW // RETRIES_LAST
    again, between = (RUNNING, PAUSED) if kind == STATUS else (OWING, PAID)
    contents = [*((minute, again) for minute in minutes), (5.5, between)]
    _, begun = IDS.draw()
    return [
        received_at(entry_of(kind, content, source), begun + round(minute * scale * 60_000_000))
        for minute, content in sorted(contents, key=lambda one: one[0])
    ]


@pytest.mark.parametrize("kind", [STATUS, "custom-api"])
@pytest.mark.parametrize("minutes", [(0, 4, 8), (0, 5, 7, 12)], ids=str)
def test_every_order_ends_alike(
    client: Any, database: Database, connection: Rows, clock: Clock, kind: str, minutes: Sequence[int]
) -> None:
    """A delivery that is no retry of the first is news, though it was settled as a retry of the first one's retry."""
    lane = PendingPushes(client, database, clock, replayed=True)

    def settled(batches: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
        deliveries = deliveries_of(kind, minutes, source := str(batches))
        for batch in batches:
            settle(database, [deliveries[place] for place in batch])
        while lane.run_once():
            pass
        return [_without_times(row) for row in told(connection, deliveries, source)]

    places = range(len(minutes) + 1)
    expected = settled([places])
    assert [row["push_id"] for row in expected if row.get("status") == "normalised"] == [0, 2, 3]
    for order in itertools.permutations(places):
        assert settled([[place] for place in order]) == expected
        assert settled([order[:2], order[2:]]) == expected

    newest = {row["status"] for row in rows(connection, "workflows")}
    assert newest == ({"running"} if kind == STATUS else {None})
    assert _logged(connection) == outcomes(connection)


def _without_times(row: dict[str, Any]) -> dict[str, Any]:
    """What is told, but for when these deliveries came, and how often they were tried."""
    return {name: value for name, value in row.items() if not name.endswith("_at") and name != "attempts"}


def _logged(connection: Rows) -> dict[str, int]:
    """How many pushes have which outcome, as the log of settlements adds them up."""
    summed = "SELECT sum(normalised) AS normalised, sum(duplicate) AS duplicate FROM airudder.settlements"
    (row,) = connection.execute(summed).fetchall()
    return dict(row)
