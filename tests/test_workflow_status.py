"""The kind workflow-status: a workflow's newest status, its history, and its node tasks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from psycopg import Connection

from ingest.batch.entry import Entry
from ingest.kinds.normalise import NOTHING_RECOGNISED, normalise
from tests import of_kind
from tests.batches import settle_at_once
from tests.of_kind import entry_of, warnings_of
from tests.pushes import entry, push, received_at
from tests.stored import outcomes, rows
from workers.attempts import Attempt
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

KIND = "workflow-status"


def body(status: str | None = "running", task_status: str | None = "calling", **changes: Any) -> dict[str, Any]:
    """A push as documented; `changes` replace its top-level fields."""
    call = {"nodetask_id": "nt1", "nodetask_name": "Call", "node_type": "call", "task_id": "t1"}
    wait = {"nodetask_id": "nt2", "nodetask_name": "Wait", "node_type": "delay"}
    actions = [{**call, "task_status": task_status}, wait]
    return {"workflow_id": "w1", "workflow_name": "collections", "status": status, "actions": actions, **changes}


def _later(one: Entry, minutes: float) -> Entry:
    return received_at(one, one.received_us + round(minutes * 60_000_000))


def test_every_field_has_its_place(database: Database, connection: Rows) -> None:
    """The workflow by its newest status, a row of its history, and each node's task in it."""
    one = entry_of(KIND, body())

    settle(database, [one])

    (workflow,) = rows(connection, "workflows")
    assert (workflow["workflow_id"], workflow["name"], workflow["status"]) == ("w1", "collections", "running")
    (told,) = rows(connection, "workflow_statuses")
    assert (told["workflow_id"], told["status"], told["told_by"]) == ("w1", "running", one.uuid)
    assert (told["received_at"], told["push_id"]) == (one.received_at, one.uuid)
    columns = ("workflow_id", "nodetask_id", "name", "node_type", "task_id", "task_status")
    expected = [("w1", "nt1", "Call", "call", "t1", "calling"), ("w1", "nt2", "Wait", "delay", None, None)]
    for table in ("node_tasks", "node_task_statuses"):
        assert [tuple(row[name] for name in columns) for row in rows(connection, table)] == expected
    (stored,) = rows(connection, "pushes")
    assert (stored["status"], stored["workflow_id"], stored["warnings"]) == ("normalised", "w1", None)


def test_history_has_a_row_a_change(database: Database, connection: Rows) -> None:
    """Each change stays in the history, that a status came back too; workflow and node task have the newest."""
    for minutes, status in enumerate(("running", "paused", "running", "finished")):
        settle(database, [_later(entry_of(KIND, body(status, status)), 4 * minutes)])

    in_order = "SELECT status FROM airudder.workflow_statuses WHERE workflow_id = 'w1' ORDER BY told_by"
    assert [row["status"] for row in connection.execute(in_order)] == ["running", "paused", "running", "finished"]
    of_task = "SELECT task_status FROM airudder.node_task_statuses WHERE nodetask_id = 'nt1' ORDER BY told_by"
    assert [row["task_status"] for row in connection.execute(of_task)] == ["running", "paused", "running", "finished"]
    assert [row["status"] for row in rows(connection, "workflows")] == ["finished"]
    assert rows(connection, "node_tasks")[0]["task_status"] == "finished"


@pytest.mark.parametrize("copy_from", [1, 50])
def test_status_that_comes_back(
    database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch, copy_from: int
) -> None:
    """A workflow that runs, is paused and runs again has the first push's bytes twice: in every order of settling, with
    retries of both, it runs."""
    monkeypatch.setattr("workers.settle.COPY_FROM", copy_from)
    running, paused = body("running"), body("paused")
    deliveries = [
        _later(entry_of(KIND, content), minutes)
        for minutes, content in ((0, running), (1, paused), (2, running), (10, running), (12, running))
    ]

    of_kind.assert_any_order_ends_alike(database, connection, deliveries)

    assert connection.execute("SELECT DISTINCT status FROM airudder.workflows").fetchall() == [{"status": "running"}]
    of_source = "SELECT status FROM airudder.workflow_statuses WHERE source = 'default' ORDER BY told_by"
    assert [row["status"] for row in connection.execute(of_source)] == ["running", "paused", "running"]
    by_outcome = "SELECT status FROM airudder.pushes WHERE source = 'default' ORDER BY received_at"
    found = [row["status"] for row in connection.execute(by_outcome)]
    assert found == ["normalised", "normalised", "duplicate", "normalised", "duplicate"]


def test_status_that_comes_back_is_settled_at_once(database_url: str, connection: Rows) -> None:
    """Two workers have the two pushes of the same bytes in hand at the same time: each is news."""
    bodies = [body(workflow_id=f"w{number}") for number in range(30)]
    firsts, seconds = ([[_later(entry_of(KIND, one), minutes)] for one in bodies] for minutes in (0, 7))

    settle_at_once(database_url, [firsts, seconds])

    assert outcomes(connection) == {"normalised": 60}
    assert len(rows(connection, "workflow_statuses")) == 60


@pytest.mark.parametrize("through_redis", [True, False])
def test_retry_leaves_no_row_of_its_own(database: Database, connection: Rows, *, through_redis: bool) -> None:
    """A change that was delivered three times is one row of the history, the first delivery's, also where the retries
    were settled before it; and the status that came between stays the newest."""
    first, between = entry_of(KIND, body("running")), entry_of(KIND, body("finished"))
    retries = [entry_of(KIND, body("running")) for _ in range(2)]

    for one in (retries[1], between, retries[0], first):
        settle(database, [one], Attempt(through_redis=through_redis))

    history = connection.execute("SELECT told_by, status FROM airudder.workflow_statuses ORDER BY told_by").fetchall()
    assert [(row["told_by"], row["status"]) for row in history] == [(first.uuid, "running"), (between.uuid, "finished")]
    assert rows(connection, "workflows")[0]["status"] == "finished"
    assert outcomes(connection) == {"normalised": 2, "duplicate": 2}


def test_rare_status_is_found_among_many_pushes(
    database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More pushes of another kind about the workflow than are read again, between a change and its retry: the status
    that came before them is found all the same."""
    monkeypatch.setattr("workers.late.MOST_BETWEEN", 10)
    first, between = entry_of(KIND, body("running")), entry_of(KIND, body("finished"))
    others = [entry({"workflow_id": "w1", "call": {"call_id": f"c{number}"}}) for number in range(60)]
    settle(database, [between, *others, entry_of(KIND, body("running"))])

    settle(database, [first])

    assert rows(connection, "workflows")[0]["status"] == "finished"


def test_any_order_ends_alike(database: Database, connection: Rows) -> None:
    """Changes, a retry and another kind's push about the same workflow, in every order."""
    deliveries = [
        entry_of(KIND, body("running")),
        entry_of(KIND, body(None, "paused", workflow_name="renamed")),
        entry(push(workflow_name="")),
        entry_of(KIND, body("running")),
        entry_of(KIND, body("finished", workflow_name="", actions=[{"nodetask_id": "nt2", "task_status": "done"}])),
    ]

    of_kind.assert_any_order_ends_alike(database, connection, deliveries)

    of_source = "SELECT name, status FROM airudder.workflows WHERE source = 'default'"
    assert connection.execute(of_source).fetchone() == {"name": "renamed", "status": "finished"}


def test_node_task_that_is_listed_twice(database: Database, connection: Rows) -> None:
    """The list keeps both, and of each column the last one counts that says something, whatever else comes."""
    twice = [
        {"nodetask_id": "nt1", "task_status": status, "task_id": task} for status, task in (("a", "t1"), ("b", ""))
    ]
    newer = body(None, actions=[{"nodetask_id": "nt1", "nodetask_name": "Call"}])
    deliveries = [entry_of(KIND, body(actions=twice)), entry_of(KIND, newer), entry_of(KIND, body(actions=twice))]

    of_kind.assert_any_order_ends_alike(database, connection, deliveries)

    (task,) = connection.execute("SELECT * FROM airudder.node_tasks WHERE source = 'default'").fetchall()
    assert (task["name"], task["task_status"], task["task_id"]) == ("Call", "b", "t1")


def test_status_of_another_task_is_not_lent(database: Database, connection: Rows) -> None:
    """Of a node that is listed with two tasks the last is the node's, and how the first was says nothing of it."""
    listed = [{"nodetask_id": "nt1", "task_id": "t1", "task_status": "done"}, {"nodetask_id": "nt1", "task_id": "t2"}]

    settle(database, [entry_of(KIND, body(actions=listed))])

    (task,) = rows(connection, "node_tasks")
    assert (task["task_id"], task["task_status"]) == ("t2", None)


@pytest.mark.parametrize("nothing", [None, "", "absent"])
def test_silence_leaves_what_was_told(database: Database, connection: Rows, nothing: str | None) -> None:
    """A push without status and actions tells of the workflow's name alone, and adds nothing to the history."""
    silent = body(nothing, workflow_name="renamed", actions=nothing)
    if nothing == "absent":
        del silent["status"], silent["actions"]

    settle(database, [entry_of(KIND, body()), entry_of(KIND, silent)])

    (workflow,) = rows(connection, "workflows")
    assert (workflow["name"], workflow["status"]) == ("renamed", "running")
    assert len(rows(connection, "workflow_statuses")) == 1
    assert len(rows(connection, "node_tasks")) == 2


def test_what_is_odd_is_warned_of() -> None:
    """A node task without an id is in the list alone; a number is kept as a status; unknown fields are no matter."""
    one = entry_of(KIND, body(3, actions=[{"node_type": "call"}, None, "x"], eventTime=1700000000))  # type: ignore[arg-type]

    warned = warnings_of(one)

    assert set(warned) == {f"$.actions[{place}]{end}" for place, end in ((0, ".nodetask_id"), (1, ""), (2, ""))} | {
        f"$.actions[{place}].nodetask_id" for place in (1, 2)
    }
    (told,) = (row for row in normalise(one).rows if type(row).__name__ == "WorkflowStatusRow")
    assert told.status == "3"  # type: ignore[union-attr]
    assert json.loads(told.node_tasks)[0] == {"node_type": "call"}  # type: ignore[union-attr, arg-type]


def test_push_without_workflow_is_dead() -> None:
    """A status of nothing that is named tells nothing."""
    assert normalise(entry_of(KIND, body(workflow_id=""))).push.error == NOTHING_RECOGNISED


def test_any_field_may_hold_anything(database: Database, connection: Rows) -> None:
    """Each push comes to an outcome, and no warning holds what was sent."""
    of_kind.assert_anything_has_an_outcome(database, connection, KIND, body())
    of_kind.assert_no_warning_holds_a_value(KIND)


def test_simulated_is_as_documented() -> None:
    """What the simulator sends has nothing to warn of."""
    of_kind.assert_simulated_well(KIND)
