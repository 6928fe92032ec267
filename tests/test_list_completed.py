"""The kind list-completed: a workflow has come to its end with a person, and which nodes they have passed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from psycopg import Connection

from ingest.kinds.normalise import NOTHING_RECOGNISED, normalise
from ingest.tables.rows import CaseRow, ListCompletionRow
from tests import of_kind
from tests.of_kind import entry_of, warnings_of
from tests.processes import ingest
from tests.pushes import entry, push, row_of
from tests.stored import rows
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

KIND = "list-completed"
NUMBER, OTHER = "+6281234567890", "+6281111111111"
PASSED = [
    {"nodetask_id": "nt1", "nodetask_name": "Call", "node_type": "call", "task_id": "t1"},
    {"nodetask_id": "nt2", "nodetask_name": "Wait", "node_type": "delay"},
]


def body(number: Any = NUMBER, case_id: Any = "case-1", **changes: Any) -> dict[str, Any]:
    """A push as documented; `changes` replace its top-level fields."""
    whom = {"case_id": case_id, "callee_number": number}
    return {"workflow_id": "w1", "workflow_name": "collections", **whom, "rows": PASSED, **changes}


def test_every_field_has_its_place(database: Database, connection: Rows) -> None:
    """The workflow, the callee, the case, each node's task, and the completion with the nodes as a list."""
    settle(database, [entry_of(KIND, body("62 812-3456-7890"))])

    (done,) = rows(connection, "list_completions")
    assert (done["callee_number"], done["workflow_id"], done["case_id"]) == (NUMBER, "w1", "case-1")
    assert (done["nodes"][1], done["node_count"]) == ({"nodetask_id": "nt2", "name": "Wait", "node_type": "delay"}, 2)
    columns = ("position", "nodetask_id", "name", "node_type", "task_id")
    shown = connection.execute("SELECT * FROM airudder.list_completion_nodes ORDER BY position").fetchall()
    assert [tuple(row[name] for name in columns) for row in shown] == [
        (0, "nt1", "Call", "call", "t1"),
        (1, "nt2", "Wait", "delay", None),
    ]
    assert {row["callee_number"] for row in shown} == {NUMBER}
    (callee,) = rows(connection, "callees")
    assert (callee["callee_number"], callee["number_as_sent"], callee["country"]) == (NUMBER, "62 812-3456-7890", "ID")
    assert [(row["callee_number"], row["case_id"]) for row in rows(connection, "cases")] == [(NUMBER, "case-1")]
    assert [row["name"] for row in rows(connection, "workflows")] == ["collections"]
    assert [(row["nodetask_id"], row["task_id"]) for row in rows(connection, "node_tasks")] == [
        ("nt1", "t1"),
        ("nt2", None),
    ]
    (stored,) = rows(connection, "pushes")
    assert (stored["workflow_id"], stored["callee_number"], stored["case_id"]) == ("w1", NUMBER, "case-1")
    assert stored["warnings"] is None


def test_meets_what_other_kinds_tell(database: Database, connection: Rows) -> None:
    """The person, the case and the workflow are those of a custom API push, and lose nothing of what it told."""
    told = push(number=NUMBER)

    settle(database, [entry(told), entry_of(KIND, body("81234567890", workflow_name="")), entry_of(KIND, body())])

    assert [row["name"] for row in rows(connection, "callees") if row["callee_number"] == NUMBER] == ["Budi"]
    (case,) = connection.execute("SELECT * FROM airudder.cases WHERE callee_number = %s", [NUMBER]).fetchall()
    assert (case["case_id"], str(case["total_owing_amount"])) == ("case-1", "20310.23")
    assert len(rows(connection, "workflows")) == 1


def test_workflow_status_stays(database: Database, connection: Rows) -> None:
    """A node task keeps the status that a status push told."""
    action = {"nodetask_id": "nt1", "task_status": "calling"}
    status = {"workflow_id": "w1", "status": "running", "actions": [action]}

    settle(database, [entry_of("workflow-status", status), entry_of(KIND, body())])

    task = next(row for row in rows(connection, "node_tasks") if row["nodetask_id"] == "nt1")
    assert (task["task_status"], task["name"], task["task_id"]) == ("calling", "Call", "t1")
    assert rows(connection, "workflows")[0]["status"] == "running"


@pytest.mark.parametrize("nothing", [None, "", "absent"])
def test_silence_leaves_what_was_told(database: Database, connection: Rows, nothing: str | None) -> None:
    """A later completion that lists no nodes leaves those of the one before, with their count."""
    silent = body(workflow_name=nothing, rows=nothing)
    if nothing == "absent":
        del silent["workflow_name"], silent["rows"]

    settle(database, [entry_of(KIND, body()), entry_of(KIND, silent)])

    (done,) = rows(connection, "list_completions")
    assert (len(done["nodes"]), done["node_count"]) == (2, 2)
    assert rows(connection, "workflows")[0]["name"] == "collections"


def test_node_that_is_listed_twice(database: Database, connection: Rows) -> None:
    """Of its columns the last counts that says something; the list is as it came."""
    again = [{"nodetask_id": "nt1", "nodetask_name": "Call again", "task_id": ""}, {"nodetask_id": "nt1"}]
    settle(database, [entry_of(KIND, body(rows=[PASSED[0], *again]))])

    (task,) = rows(connection, "node_tasks")
    assert (task["name"], task["node_type"], task["task_id"]) == ("Call again", "call", "t1")
    assert rows(connection, "list_completions")[0]["node_count"] == 3


def test_without_case_or_workflow() -> None:
    """A completion without a case is one of its own, and so is one without a workflow."""
    without_case = normalise(entry_of(KIND, body(case_id="")))
    assert row_of(without_case, ListCompletionRow).case_id == ""
    assert not [row for row in without_case.rows if isinstance(row, CaseRow)]
    without_workflow = entry_of(KIND, body(workflow_id=None))
    assert row_of(normalise(without_workflow), ListCompletionRow).workflow_id == ""
    assert warnings_of(without_workflow) == {"$.workflow_id": "missing: the workflow and its node tasks are not stored"}


def test_without_number(database: Database, connection: Rows) -> None:
    """Nobody has come to the end: the workflow and the nodes are stored, with a warning."""
    one = entry_of(KIND, body(number="unknown"))

    settle(database, [one])

    assert "$.callee_number" in warnings_of(one)
    assert rows(connection, "list_completions") == rows(connection, "callees") == []
    assert len(rows(connection, "node_tasks")) == 2
    assert normalise(entry_of(KIND, {"rows": PASSED})).push.error == NOTHING_RECOGNISED


def test_any_order_ends_alike(database: Database, connection: Rows) -> None:
    """Completions, a retry and another kind's push about the same person, in every order."""
    deliveries = [
        entry_of(KIND, body(rows=PASSED[:1])),
        entry_of(KIND, body(rows=[], workflow_name="renamed")),
        entry(push(number=NUMBER)),
        entry_of(KIND, body(rows=PASSED[:1])),
        entry_of(KIND, body("6281234567890", workflow_name="")),
    ]

    of_kind.assert_any_order_ends_alike(database, connection, deliveries)


@pytest.mark.parametrize("whom", [("--callee-number", "6281234567890"), ("--case-id", "case-1")])
def test_export_and_erase_reach_it(
    environment: None, database: Database, connection: Rows, whom: tuple[str, str]
) -> None:
    """What is held on a person includes their completions; erased, those are gone, and another person's stay."""
    settle(database, [entry_of(KIND, body()), entry_of(KIND, body(OTHER, "case-2"))])

    exported = json.loads(ingest("export", *whom).stdout)
    erased = ingest("erase", *whom)

    assert [row["callee_number"] for row in exported["list_completions"]] == [NUMBER]
    assert erased.returncode == 0, erased.stderr
    for table in ("list_completions", "list_completion_nodes", "callees", "cases"):
        assert {row["callee_number"] for row in rows(connection, table)} == {OTHER}
    assert len(rows(connection, "node_tasks")) == 2


def test_any_field_may_hold_anything(database: Database, connection: Rows) -> None:
    """Each push comes to an outcome, and no warning holds what was sent."""
    of_kind.assert_anything_has_an_outcome(database, connection, KIND, body())
    of_kind.assert_no_warning_holds_a_value(KIND)


def test_simulated_is_as_documented() -> None:
    """What the simulator sends has nothing to warn of."""
    of_kind.assert_simulated_well(KIND)
