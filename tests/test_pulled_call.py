"""Calls that were pulled from the vendor, from their push to their rows, and erased."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from psycopg import Connection

from ingest.kinds.normalise import normalise
from ingest.kinds.pulled_call import DetailCall
from ingest.tables.rows import CalleeRow, CallRow
from ops.simulator.pushes import generate
from tests.processes import ingest
from tests.pushes import entry, push, row_of
from tests.stored import settled_in
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

NUMBER, AT = "+6281234567801", "2026-11-24T09:01:52Z"
STARTED_AT = datetime(2026, 11, 24, 9, 1, 52, tzinfo=UTC)


def pulled(content: Any) -> Any:
    """What web makes of a push of the kind."""
    return msgspec.structs.replace(entry(content), kind="pulled-call")


def body(key: str | None = "k1", task_id: Any = "t1", **changes: Any) -> dict[str, Any]:
    """A pulled call."""
    call = {
        "Mobile": NUMBER,
        "Comments": "customer-key",
        "Status": "finished",
        "CallStartTime": AT,
        "CallEndTime": "2026-11-24T09:01:59Z",
        "RingType": "normal",
        "Intention": "B",
        "HangupType": "ByCallee",
        "RobotID": "r1",
        "Multi_intention": {"promise": "yes"},
    }
    return {"task_id": task_id, "call_key": key, "call": call | changes}


def test_field_by_field() -> None:
    """A call as the vendor's detail has it comes to these rows."""
    one = pulled(body())
    version = (one.received_at, one.uuid)

    rows = normalise(one)

    assert (rows.push.status, rows.push.warnings) == ("normalised", None)
    assert (rows.push.task_id, rows.push.callee_number, rows.push.call_id) == ("t1", NUMBER, "pulled:t1:k1")
    assert row_of(rows, CalleeRow) == CalleeRow(*version, "default", NUMBER, NUMBER, "ID")
    assert row_of(rows, CallRow) == CallRow(
        *version,
        "default",
        "pulled:t1:k1",
        task_id="t1",
        callee_number=NUMBER,
        started_at=STARTED_AT,
        ended_at=STARTED_AT.replace(second=59),
        ring_type="normal",
        hangup_type="ByCallee",
        intention="B",
        multi_label=msgspec.json.encode({"promise": "yes"}).decode(),  # type: ignore[arg-type]
    )


ODD: dict[str, tuple[dict[str, Any], str, set[str], int]] = {
    "nothing": ({}, "dead", set(), 0),
    "all null": ({"task_id": "t1", "call_key": None, "call": None}, "normalised", {"$.call_key"}, 0),
    "no key": (body(key=""), "normalised", {"$.call_key"}, 0),
    "no task": (body(task_id=None), "normalised", {"$.call_key"}, 0),
    "no call": ({**body(), "call": [1]}, "normalised", {"$.call", "$.call.Status"}, 0),
    "a pending call": (body(Status="pending"), "normalised", {"$.call.Status"}, 0),
    "a task as a number": (body(task_id=17), "normalised", set(), 1),
    "a number as one": (body(Mobile=6281234567801), "normalised", set(), 1),
    "no telephone number": (body(Mobile="none"), "normalised", {"$.call.Mobile"}, 1),
    "times that are none": (
        body(CallStartTime="soon", CallEndTime=[]),
        "normalised",
        {"$.call.CallStartTime", "$.call.CallEndTime"},
        1,
    ),
    "an end before the start": (
        body(CallStartTime="2026-11-25T04:00:10Z", CallEndTime="2026-11-25T04:00:00Z"),
        "normalised",
        {"$.call.CallEndTime"},
        1,
    ),
    "empty and null": (
        body(RingType="null", Intention="", HangupType=None, Multi_intention=""),
        "normalised",
        set(),
        1,
    ),
    "unknown fields": ({**body(Sip=486), "more": 1}, "normalised", set(), 1),
    "an id too long": (body(key="k" * 255), "normalised", {"$.task_id", "$.call_key"}, 0),
}


@pytest.mark.parametrize(("content", "status", "warned", "calls"), ODD.values(), ids=ODD.keys())
def test_odd_push_is_kept(
    content: dict[str, Any], status: str, warned: set[str], calls: int, database: Database, connection: Rows
) -> None:
    """What fits is stored, and what does not is warned of."""
    settle(database, [pulled(content)])

    (stored,) = connection.execute("SELECT status, warnings FROM airudder.pushes").fetchall()
    assert stored["status"] == status
    if status != "dead":
        assert {warning["path"] for warning in stored["warnings"] or []} == warned
    assert len(connection.execute("SELECT FROM airudder.calls").fetchall()) == calls


def test_every_field_of_a_call_may_hold_anything(database: Database, connection: Rows) -> None:
    """No value of a field fails a push, or its batch."""
    odd: list[Any] = [None, True, 0, -1.5, 10**30, "", "x" * 5000, "\0", [], [{}], {"a": [1]}, '{"a": 1}']
    names = [field.encode_name for field in msgspec.structs.fields(DetailCall)]

    settle(
        database, [pulled(body(f"{name}{place}", **{name: value})) for name in names for place, value in enumerate(odd)]
    )

    found = connection.execute("SELECT DISTINCT status FROM airudder.pushes").fetchall()
    assert {row["status"] for row in found} == {"normalised"}


def test_any_order_ends_alike(database: Database, connection: Rows) -> None:
    """A call pulled twice, with a change and a retry, beside a push about the same person."""
    deliveries = [
        pulled(body()),
        pulled(body(Intention="C", RingType=None)),
        pulled(body()),
        entry(push(number=NUMBER)),
    ]
    expected = settled_in(range(4), deliveries, database, connection)

    for order in itertools.permutations(range(4)):
        assert settled_in(order, deliveries, database, connection) == expected


def test_person_is_exported_and_erased(client: Any, environment: None, database: Database, connection: Rows) -> None:
    """Nothing that says who it was is left, in the call's id neither."""
    settle(database, [pulled(body())])
    exported = json.loads(ingest("export", "--callee-number", NUMBER).stdout)
    assert [one["call_id"] for one in exported["calls"]] == ["pulled:t1:k1"]

    assert ingest("erase", "--callee-number", NUMBER).returncode == 0

    for table in ("pushes", "calls", "callees"):
        for row in connection.execute(f"SELECT * FROM airudder.{table}"):
            assert NUMBER[3:] not in str(row)
            assert "customer-key" not in str(row)
    (left,) = connection.execute("SELECT callee_number, started_at, multi_label FROM airudder.calls").fetchall()
    assert left == {"callee_number": None, "started_at": STARTED_AT, "multi_label": None}


def test_simulated_pushes_are_as_the_vendor_has_it() -> None:
    """None is warned of, and each comes to its call."""
    for one in generate(seed=3, count=50, kinds={"pulled-call": 1}):
        rows = normalise(pulled(one.body))
        assert (rows.push.status, rows.push.warnings) == ("normalised", None)
        assert row_of(rows, CallRow).started_at
