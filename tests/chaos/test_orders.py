"""The newest push wins, whatever the order in which several workers meet a call's pushes, and however often."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from typing import Any

import msgspec
import pytest
from psycopg import Connection
from redis import Redis

from ingest.batch.entry import Entry
from tests.batches import enqueued, nothing_in_flight
from tests.chaos.conftest import Report
from tests.processes import running, wait_until
from tests.pushes import IDS, call_history, received_at
from tests.stored import ROW_TABLES
from workers.database import Database
from workers.settle import settle

pytestmark = [pytest.mark.chaos, pytest.mark.usefixtures("environment")]

EPOCH_US = 1_764_000_000_000_000
ID_COLUMNS = ("push_id", "kept_from")
"""What differs between sources whose pushes were the same"""


def history_of(source: str) -> list[Entry]:
    """Five pushes for one call, at the same microseconds for every source."""
    return [
        received_at(msgspec.structs.replace(one, source=source), EPOCH_US + 1_000_000 * place)
        for place, one in enumerate(call_history())
    ]


def redelivered(one: Entry) -> Entry:
    """The same bytes again, half a second later."""
    return received_at(msgspec.structs.replace(one, push_id=IDS.draw()[0]), one.received_us + 500_000)


def rows_by_source(connection: Connection[dict[str, Any]]) -> dict[str, Counter[str]]:
    """All normalised rows, without what has to differ."""
    found: dict[str, Counter[str]] = {}
    for table in ROW_TABLES:
        for row in connection.execute(f"SELECT * FROM airudder.{table}"):
            content = {name: value for name, value in row.items() if name not in ("source", *ID_COLUMNS)}
            found.setdefault(row["source"], Counter())[f"{table} {content}"] += 1
    return found


def test_every_order_over_several_workers(
    client: Redis, database: Database, connection: Connection[dict[str, Any]], seed: int, report: Report
) -> None:
    """All 120 orders of five pushes for one call, with one of them in two batches and one delivered twice."""
    chance = random.Random(seed)
    in_order = history_of("in order")
    settle(database, [*in_order, redelivered(in_order[1])])
    orders = list(itertools.permutations(range(5)))
    batches = 0
    for order in orders:
        history = history_of("".join(map(str, order)))
        entries = [history[place] for place in order]
        for extra in (history[2], redelivered(history[1])):
            entries.insert(chance.randrange(len(entries) + 1), extra)
        for one in entries:
            enqueued(client, [one], f"b{batches}")
            batches += 1

    with running("worker", WORKERS="4"):
        wait_until(lambda: nothing_in_flight(client), "everything is settled", seconds=240)

    found = rows_by_source(connection)
    expected = found.pop("in order")
    assert len(found) == 120
    assert [source for source, rows in found.items() if rows != expected] == []
    assert len(expected) > 10
    counted = connection.execute("SELECT status, count(*) AS pushes FROM airudder.pushes GROUP BY status").fetchall()
    outcomes = {row["status"]: row["pushes"] for row in counted}
    assert outcomes == {"normalised": 121 * 5, "duplicate": 121}
    report(orders=len(orders), batches=batches, rows_a_call=expected.total(), outcomes=outcomes)
