"""The same bytes again, by copy and by upserts: one delivery is news, the others are duplicates."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from psycopg import Connection

import workers.redeliveries
import workers.settle
from tests.batches import settle_at_once
from tests.pushes import entry, push
from tests.stored import outcomes, rows, settled_in, told
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("copy_from")


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "in two batches"])
def test_redelivery_is_counted_only(database: Database, connection: Rows, together: bool) -> None:
    """The same bytes again are a duplicate row and nothing else: the call is as of the first delivery."""
    first, second = entry(push()), entry(push())
    for batch in [[first, second]] if together else [[first], [second]]:
        settle(database, batch)

    assert outcomes(connection) == {"normalised": 1, "duplicate": 1}
    assert len(rows(connection, "call_turns")) == 2
    assert rows(connection, "calls")[0]["push_id"] == first.uuid


def test_same_bytes_of_another_source(database: Database, connection: Rows) -> None:
    """Two sources that send the same bytes each have their call."""
    settle(database, [entry(push(), source="lender-a"), entry(push(), source="lender-b")])

    assert outcomes(connection) == {"normalised": 2}
    assert [call["source"] for call in rows(connection, "calls")] == ["lender-a", "lender-b"]


def test_same_bytes_after_a_day(database: Database, connection: Rows) -> None:
    """The same bytes more than a day later are a push of their own."""
    settle(database, [entry(push())])
    settle(database, [entry(push(), later_us=25 * 3600 * 1_000_000)])

    assert outcomes(connection) == {"normalised": 2}


@pytest.mark.parametrize("copy_from", [1], indirect=True)
def test_bytes_that_come_meanwhile_are_known(
    database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bytes that another worker normalises after they were looked up are found after all."""
    first, again, other = entry(push("c1")), entry(push("c1")), entry(push("c2"))
    settle(database, [first])
    monkeypatch.setattr(workers.redeliveries, "_of_known_calls", lambda *_: [])

    settle(database, [again, other])

    assert outcomes(connection) == {"normalised": 2, "duplicate": 1}
    assert [call["push_id"] for call in rows(connection, "calls")] == [first.uuid, other.uuid]


def test_redelivery_without_call(database: Database, connection: Rows) -> None:
    """The same bytes again are a duplicate too where they tell of a callee and no call."""
    body = {"callee": {"callee_number": "+6281234567890"}}
    settle(database, [entry(body)])
    settle(database, [entry(body), entry(push())])

    assert outcomes(connection) == {"normalised": 2, "duplicate": 1}


def test_retry_rolls_nothing_back(database: Database, connection: Rows) -> None:
    """A node's push, another node's with news, then the first one's bytes again: the news stays."""
    one, other = push(turns=1), push(turns=2, node_id="n2", node_name="API2")
    one["callee"]["total_owing_amount"], other["callee"]["total_owing_amount"] = "100", "0"
    other["call"]["intention"] = "E"
    for body in (one, other, one):
        settle(database, [entry(body)])

    (call,), (case,) = rows(connection, "calls"), rows(connection, "cases")
    assert (call["intention"], call["turn_count"], case["total_owing_amount"]) == ("E", 2, 0)
    assert outcomes(connection) == {"normalised": 2, "duplicate": 1}


@pytest.mark.parametrize("copies", [(0, 1, 0, 1), (0, 1, 2, 0), (0, 1, 0, 2, 0)], ids=str)
def test_every_order_of_redeliveries(database: Database, connection: Rows, copies: tuple[int, ...]) -> None:
    """The vendor's retry of a push is settled before the first delivery, or after it, or between others: the rows are
    those of the first deliveries in their order, and each retry is a duplicate."""
    bodies = [
        push(turns=4, node_name="older", workflow_name="older"),
        {"workflow_id": "w1", "node_id": "n1", "callee": {"callee_number": "+6281234567890", "case_id": "case-1"}}
        | {"call": {"call_id": "c1", "intention": "B", "asr_result": [{"text": "newer"}]}},
        push(turns=0, workflow_name="newest", node_name=""),
    ]
    bodies[1]["callee"] |= {"callee_name": "Ani", "comments": "called"}
    deliveries = [entry(bodies[number]) for number in copies]
    settle(database, deliveries)
    counted = outcomes(connection)
    assert counted == {"normalised": len(set(copies)), "duplicate": len(copies) - len(set(copies))}
    normalised = connection.execute("SELECT push_id FROM airudder.pushes WHERE status = 'normalised'").fetchall()
    firsts = {deliveries[copies.index(number)].uuid for number in copies}
    assert {row["push_id"] for row in normalised} == firsts

    expected = told(connection, deliveries, "default")
    for order in itertools.permutations(range(len(deliveries))):
        assert settled_in(order, deliveries, database, connection) == expected


def test_same_bytes_at_once(database_url: str, connection: Rows) -> None:
    """Of two workers that settle the same bytes at the same time one normalises them: the other has a duplicate."""
    bodies = [push(f"c{number}", number=f"+62812345{number:05}") for number in range(30)]
    firsts, retries = [entry(body) for body in bodies], [entry(body) for body in bodies]

    settle_at_once(database_url, [[[one] for one in firsts], [[one] for one in retries]])

    assert outcomes(connection) == {"normalised": 30, "duplicate": 30}
    normalised = connection.execute("SELECT push_id FROM airudder.pushes WHERE status = 'normalised'").fetchall()
    assert {row["push_id"] for row in normalised} == {one.uuid for one in firsts}
    assert {call["push_id"] for call in rows(connection, "calls")} == {one.uuid for one in firsts}


def test_redelivery_is_found_by_its_ids(database: Database, connection: Rows) -> None:
    """A duplicate's row names its call, so that all deliveries of a call are found together."""
    settle(database, [entry(push()), entry(push())])

    found = connection.execute("SELECT status FROM airudder.pushes WHERE call_id = 'c1' ORDER BY push_id").fetchall()
    assert [row["status"] for row in found] == ["normalised", "duplicate"]
