"""The kind call-completed and its twin: whatever spelling its fields have, a row by number, task and start."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from ingest.kinds.call_completed import NOT_CALLED
from ingest.kinds.normalise import NOTHING_RECOGNISED, normalise
from ingest.tables.rows import CallRow, CompletedCallRow
from tests import of_kind
from tests.of_kind import entry_of, warnings_of
from tests.processes import ingest
from tests.pushes import entry, push, row_of
from tests.stored import rows
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

KIND, TWIN = "call-completed", "info-check-call-completed"
STARTED = "2026-11-24T09:01:52+00:00"
NUMBER, OTHER = "+6281234567890", "+6281111111111"


def body(number: Any = NUMBER, **changes: Any) -> dict[str, Any]:
    """A push with every field; `changes` replace some."""
    return {
        "workflow_id": "w1",
        "workflow_name": "collections",
        "nodetask_id": "nt1",
        "nodetask_name": "Call",
        "case_id": "case-1",
        "TaskID": "t1",
        "Mobile": number,
        "RobotID": "r1",
        "Status": "finished",
        "CallStartTime": "2026-11-24T09:01:52Z",
        "CallEndTime": "2026-11-24T09:02:10Z",
        "RingType": "normal",
        "HangupType": "ByCallee",
        "Intention": "B",
        "Multi_intention": {"promise": "yes"},
        "Comments": "row 17",
        **changes,
    }


@pytest.mark.parametrize("kind", [KIND, TWIN])
def test_every_field_has_its_place(database: Database, connection: Rows, kind: str) -> None:
    """The completed call by number, task and start; workflow, node task, callee and case in the rows of all kinds."""
    settle(database, [entry_of(kind, body("62 812-3456-7890"))])

    (done,) = rows(connection, "completed_calls")
    started = datetime(2026, 11, 24, 9, 1, 52, tzinfo=UTC)
    assert (done["callee_number"], done["task_id"], done["started"]) == (NUMBER, "t1", started.isoformat())
    assert (done["case_id"], done["workflow_id"], done["nodetask_id"]) == ("case-1", "w1", "nt1")
    assert (done["call_id"], done["robot_id"], done["status"]) == (None, "r1", "finished")
    assert (done["started_at"], done["duration"]) == (started, timedelta(seconds=18))
    assert (done["ring_type"], done["hangup_type"], done["intention"]) == ("normal", "ByCallee", "B")
    assert (done["multi_label"], done["comments"]) == ({"promise": "yes"}, "row 17")
    assert [(row["callee_number"], row["country"]) for row in rows(connection, "callees")] == [(NUMBER, "ID")]
    assert [(row["callee_number"], row["case_id"]) for row in rows(connection, "cases")] == [(NUMBER, "case-1")]
    assert [row["name"] for row in rows(connection, "workflows")] == ["collections"]
    assert [(row["nodetask_id"], row["name"]) for row in rows(connection, "node_tasks")] == [("nt1", "Call")]
    assert rows(connection, "calls") == []
    (stored,) = rows(connection, "pushes")
    assert (stored["kind"], stored["task_id"], stored["callee_number"]) == (kind, "t1", NUMBER)
    assert (stored["status"], stored["warnings"]) == ("normalised", None)


def _pascal(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


SPELLINGS: dict[str, Callable[[str], str]] = {
    "snake": str,
    "pascal": _pascal,
    "camel": lambda name: name[:1] + _pascal(name)[1:],
    "upper": str.upper,
    "PascalID": lambda name: _pascal(name).replace("Id", "ID"),
    "odd": lambda name: f"_{name.title()}_",
}


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS.keys())
@pytest.mark.parametrize("number_is", ["mobile", "callee", "callee_number"])
def test_spelling_is_no_matter(spell: Callable[[str], str], number_is: str) -> None:
    """TaskID, task_id, taskId: however the fields are spelt they come to the same row."""
    in_snake = {
        "workflow_id": "w1",
        "nodetask_id": "nt1",
        "case_id": "case-1",
        "task_id": "t1",
        "call_id": "c1",
        number_is: NUMBER,
        "robot_id": "r1",
        "status": "finished",
        "call_start_time": "2026-11-24T09:01:52Z",
        "call_end_time": "2026-11-24T09:02:10Z",
        "ring_type": "normal",
        "hangup_type": "ByCallee",
        "intention": "B",
        "multi_intention": {"promise": "yes"},
        "comments": "row 17",
    }
    expected = row_of(normalise(entry_of(KIND, {**body(), "call_id": "c1"})), CompletedCallRow)

    one = row_of(normalise(entry_of(KIND, {spell(name): value for name, value in in_snake.items()})), CompletedCallRow)

    assert one[2:] == expected[2:]
    assert None not in one[2:-1]


def test_call_id_leads_to_the_call(database: Database, connection: Rows) -> None:
    """Where a call id comes, however it is spelt, the push tells the row that a custom API push tells."""
    told = push("c1", NUMBER)
    del told["call"]["hangup_type"]

    settle(database, [entry(told), entry_of(KIND, body(callid="c1"))])

    (call,) = rows(connection, "calls")
    assert (call["call_id"], call["hangup_type"], call["turn_count"]) == ("c1", "ByCallee", 2)
    assert (call["task_id"], call["intention"], call["multi_label"]) == ("t1", "B", {"promise": "yes"})
    assert [(row["call_id"], row["status"]) for row in rows(connection, "completed_calls")] == [("c1", "finished")]
    assert rows(connection, "callees")[0]["name"] == "Budi"


def test_two_names_for_one_field() -> None:
    """The first of the field's type that says something counts; a warning tells of another that says something else."""
    one = entry_of(KIND, body(callee="", task_id="t2", taskid="t1"))

    done = row_of(normalise(one), CompletedCallRow)

    assert (done.callee_number, done.task_id) == (NUMBER, "t1")
    assert warnings_of(one) == {"$.task_id": "said under two names: one of them is taken"}


@pytest.mark.parametrize(
    ("names", "column", "stored"),
    [
        ({"Multi_intention": {}, "multi_label": {"b": 2}}, "multi_label", '{"b":2}'),
        ({"Intention": [], "intention": "B"}, "intention", "B"),
        ({"Mobile": [], "Callee": NUMBER}, "callee_number", NUMBER),
        ({"Multi_intention": {"A": 1}, "multi_label": 0}, "multi_label", '{"A":1}'),
        ({"Multi_intention": {"A": 1}, "multi_label": ""}, "multi_label", '{"A":1}'),
        ({"Multi_intention": "none", "multi_label": {"A": 1}}, "multi_label", '{"A":1}'),
        ({"Intention": {"a": 1}, "intention": ""}, "intention", '{"a":1}'),
        ({"Intention": {"a": 1}, "intention": "B"}, "intention", "B"),
        ({"Callee": {"callee_name": "Budi"}, "Mobile": NUMBER}, "callee_number", NUMBER),
        ({"Callee": {"callee_name": "Budi"}, "Mobile": int(NUMBER)}, "callee_number", NUMBER),
        ({"Mobile": " ", "callee": NUMBER}, "callee_number", NUMBER),
        ({"Mobile": "null", "callee": NUMBER}, "callee_number", NUMBER),
        ({"Mobile": "+62****7890", "Callee": NUMBER}, "callee_number", NUMBER),
        ({"Mobile": "N/A", "Callee": NUMBER}, "callee_number", NUMBER),
        ({"Mobile": "6.28123e+12", "Callee": int(NUMBER)}, "callee_number", NUMBER),
        ({"TaskID": "0", "task_id": "t7"}, "task_id", "t7"),
        ({"TaskID": "t7", "task_id": "{{task_id}}"}, "task_id", "t7"),
        ({"CallStartTime": "0001-01-01T00:00:00Z", "call_start_time": "2026-11-24T09:01:52Z"}, "started", STARTED),
        ({"CallStartTime": "soon", "call_start_time": "1795510912"}, "started", STARTED),
    ],
)
def test_name_that_says_nothing_gives_way(names: dict[str, Any], column: str, stored: str) -> None:
    """Nothing is an empty object or array, a blank, and a program's word; and what is of another type gives way too."""
    several = ("Mobile", "Intention", "Multi_intention", "TaskID", "CallStartTime")
    sent = {name: value for name, value in body().items() if name not in several}
    one = entry_of(KIND, {"Mobile": NUMBER, **sent, **names} if column != "callee_number" else {**sent, **names})

    assert getattr(row_of(normalise(one), CompletedCallRow), column) == stored


@pytest.mark.parametrize(
    ("sent", "stored"), [("--", "--"), ("E", "E"), ("", None), (None, None), (3, "3"), ({"a": 1}, '{"a":1}')]
)
def test_intention_is_any_word(sent: Any, stored: str | None) -> None:
    """Two dashes are a value; empty and null are none."""
    assert row_of(normalise(entry_of(KIND, body(Intention=sent))), CompletedCallRow).intention == stored


@pytest.mark.parametrize("status", ["pending", "cancelled", "Canceled ", "PENDING"])
def test_times_of_no_call_are_none(status: str) -> None:
    """Of a number that was not called they mean nothing, and become neither the row's nor the call's."""
    one = entry_of(KIND, body(Status=status, call_id="c1"))

    rows = normalise(one)

    done, call = row_of(rows, CompletedCallRow), row_of(rows, CallRow)
    assert (done.started, done.started_at, done.ended_at, call.started_at, call.ended_at) == ("", *[None] * 4)
    assert warnings_of(one) == {"$.call_start_time": NOT_CALLED, "$.call_end_time": NOT_CALLED}
    assert warnings_of(entry_of(KIND, body(Status=status, CallStartTime="", CallEndTime=None))) == {}


def test_calls_of_a_number_stay_apart(database: Database, connection: Rows) -> None:
    """By task and by start; of one without a start, as of a cancelled one, the newest push tells."""
    starts = ["2026-11-24T09:01:52Z", "2026-11-24T16:01:52+07:00", "2026-11-25T09:01:52Z"]
    bodies = [body(CallStartTime=start, CallEndTime="") for start in starts]
    bodies += [body(TaskID=task, CallStartTime=start, CallEndTime="") for task, start in (("t2", starts[0]), ("", ""))]
    bodies += [
        body(CallStartTime="0001-01-01T00:00:00Z", CallEndTime="", Status=one) for one in ("pending", "cancelled")
    ]

    settle(database, [entry_of(KIND, one) for one in bodies])

    done = connection.execute("SELECT task_id, started, status FROM airudder.completed_calls ORDER BY 1, 2").fetchall()
    first, second = "2026-11-24T09:01:52+00:00", "2026-11-25T09:01:52+00:00"
    assert [(row["task_id"], row["started"], row["status"]) for row in done] == [
        ("", "", "finished"),
        ("t1", "", "cancelled"),
        ("t1", first, "finished"),
        ("t1", second, "finished"),
        ("t2", first, "finished"),
    ]


@pytest.mark.parametrize("nothing", [None, "", "absent"])
def test_silence_leaves_what_was_told(database: Database, connection: Rows, nothing: str | None) -> None:
    """A later push about the same call that knows less empties no column."""
    key = ("Mobile", "TaskID", "CallStartTime")
    silent = {name: value if name in key else nothing for name, value in body().items()}
    if nothing == "absent":
        silent = {name: value for name, value in silent.items() if name in key}

    settle(database, [entry_of(KIND, body())])
    (before,) = rows(connection, "completed_calls")
    settle(database, [entry_of(KIND, silent)])

    (after,) = rows(connection, "completed_calls")
    version = {"received_at", "push_id", "kept_from"}
    assert {name: after[name] for name in after.keys() - version} == {
        name: before[name] for name in before.keys() - version
    }
    assert after["push_id"] != before["push_id"]


def test_without_number(database: Database, connection: Rows) -> None:
    """The call is stored by its id; without an id either, the workflow alone; of a task alone nothing is stored."""
    settle(database, [entry_of(KIND, body("", call_id="c1")), entry_of(KIND, body(None))])

    assert rows(connection, "completed_calls") == []
    assert [row["call_id"] for row in rows(connection, "calls")] == ["c1"]
    assert warnings_of(entry_of(KIND, body(None))) == {"$.callee_number": "missing: the completed call is not stored"}
    of_task_alone = normalise(entry_of(KIND, {"TaskID": "t1", "Status": "finished"}))
    assert (of_task_alone.rows, of_task_alone.push.task_id, of_task_alone.push.status) == ((), "t1", "normalised")
    assert normalise(entry_of(KIND, {"RobotID": "r1", "Status": "finished"})).push.error == NOTHING_RECOGNISED


def test_what_is_odd_is_warned_of() -> None:
    """A number that lost digits, an end before the start and a label that is no object, by the names of the struct."""
    one = entry_of(KIND, body(TaskID=1.5e30, CallEndTime="2026-11-24T09:00:00Z", Multi_intention="yes", unknown=1))

    assert warnings_of(one).keys() == {"$.task_id", "$.call_end_time", "$.multi_label"}
    assert not [row for row in normalise(one).rows if isinstance(row, CallRow)]


def test_any_order_ends_alike(database: Database, connection: Rows) -> None:
    """Pushes about one call, a retry and another kind's push, in every order."""
    deliveries = [
        entry_of(KIND, body(call_id="c1", Intention="--")),
        entry_of(KIND, body(Status="", Comments="", Intention="C")),
        entry(push("c1", NUMBER)),
        entry_of(KIND, body(call_id="c1", Intention="--")),
        entry_of(TWIN, body(HangupType="", nodetask_name="renamed", case_id="")),
    ]

    of_kind.assert_any_order_ends_alike(database, connection, deliveries)


@pytest.mark.parametrize("whom", [("--callee-number", "6281234567890"), ("--case-id", "case-1")])
def test_export_and_erase_reach_it(
    environment: None, database: Database, connection: Rows, whom: tuple[str, str]
) -> None:
    """What is held on a person includes their completed calls; erased, those are gone, and another person's stay."""
    settle(database, [entry_of(KIND, body()), entry_of(TWIN, body(OTHER, case_id="case-2"))])

    exported = json.loads(ingest("export", *whom).stdout)
    erased = ingest("erase", *whom)

    assert [row["callee_number"] for row in exported["completed_calls"]] == [NUMBER]
    assert erased.returncode == 0, erased.stderr
    for table in ("completed_calls", "callees", "cases"):
        assert [row["callee_number"] for row in rows(connection, table)] == [OTHER]


@pytest.mark.parametrize("kind", [KIND, TWIN])
def test_any_field_may_hold_anything(database: Database, connection: Rows, kind: str) -> None:
    """Each push comes to an outcome, and no warning holds what was sent."""
    in_snake = {"workflow_id": "w1", "callee_number": NUMBER, "task_id": "t1", "call_id": "c1"}
    of_kind.assert_anything_has_an_outcome(database, connection, kind, in_snake)
    of_kind.assert_no_warning_holds_a_value(kind)


@pytest.mark.parametrize("kind", [KIND, TWIN])
def test_simulated_is_as_documented(kind: str) -> None:
    """What the simulator sends has nothing to warn of."""
    of_kind.assert_simulated_well(kind)
