"""Bytes that come again and again: what was taken for a retry of a retry is judged anew, in any order of settling."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from psycopg import Connection

from ingest.batch.entry import Entry
from ingest.tables.rows import Normalised
from tests.clock import Clock
from tests.of_kind import entry_of
from tests.processes import wait_until
from tests.pushes import IDS, push, received_at
from tests.stored import outcomes, rows, told
from workers.database import Database
from workers.redeliveries import REDELIVERY_WINDOW, RETRIES_LAST, Told, tell_redeliveries
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


def test_retry_that_is_judged_meanwhile(
    client: Any,
    database: Database,
    database_url: str,
    connection: Rows,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another worker settles the first delivery while a push is judged to be a retry of its retry: it is news."""
    first, retry, paused, again = deliveries_of(STATUS, (0, 4, 8), "default")
    settle(database, [paused, retry])
    has_looked, may_go_on = threading.Event(), threading.Event()

    def tell_and_wait(connection: Connection[Any], batch: Sequence[Normalised], *, known_calls_only: bool) -> Told:
        found = tell_redeliveries(connection, batch, known_calls_only=known_calls_only)
        if batch[0].push.push_id == again.uuid and not has_looked.is_set():
            has_looked.set()
            assert may_go_on.wait(30)
        return found

    monkeypatch.setattr("workers.write.tell_redeliveries", tell_and_wait)
    waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%duplicate%'"
    with ThreadPoolExecutor() as threads, closing(Database(database_url, patience_seconds=20)) as other:
        judged = threads.submit(settle, other, [again])
        assert has_looked.wait(30)
        settled = threads.submit(settle, database, [first])
        wait_until(lambda: settled.done() or connection.execute(waiting).rowcount, "the first one is settled, or waits")
        may_go_on.set()
        judged.result()
        settled.result()
    PendingPushes(client, database, clock, replayed=True).run_once()

    assert outcomes(connection) == {"normalised": 3, "duplicate": 1}
    assert [row["status"] for row in rows(connection, "workflows")] == ["running"]


def _without_times(row: dict[str, Any]) -> dict[str, Any]:
    """What is told, but for when these deliveries came, and how often they were tried."""
    return {name: value for name, value in row.items() if not name.endswith("_at") and name != "attempts"}


def _logged(connection: Rows) -> dict[str, int]:
    """How many pushes have which outcome, as the log of settlements adds them up."""
    summed = "SELECT sum(normalised) AS normalised, sum(duplicate) AS duplicate FROM airudder.settlements"
    (row,) = connection.execute(summed).fetchall()
    return dict(row)
