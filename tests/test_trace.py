"""`ingest trace`: the whole story of a push, or of what pushes are about, in the order of time."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from ingest import settings
from ingest.batch.entry import Entry
from ingest.batch.push_ids import id_of
from ops.trace.story import Event, Trace, TraceStep
from ops.trace.trace import trace
from tests.batches import enqueued
from tests.of_kind import entry_of
from tests.processes import ingest
from tests.pushes import entry, push, received_at, signed
from tests.stored import make_dead, store_pending
from workers.database import Database
from workers.jobs import normalise_batch
from workers.settle import settle

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")

NOTE_EVENT = """
WITH action AS (
  INSERT INTO airudder.actions (operator, command, reason) VALUES ('ann@host', 'dead ' || %(event)s, 'fixed')
  RETURNING action_id)
INSERT INTO airudder.push_events (push_id, received_at, at, event, error, error_path, action_id)
SELECT %(push_id)s, %(received_at)s, %(at)s, %(event)s, %(error)s, '$',
  CASE WHEN %(event)s <> 'died' THEN action_id END
FROM action
"""


def traced(identifier: object, **options: bool) -> Trace:
    """The trace of an id."""
    return trace(settings.load(), str(identifier), **options)


def steps(found: Trace, *events: Event) -> list[TraceStep]:
    """The steps with these events."""
    return [step for step in found.steps if step.event in events]


def details(found: Trace, event: Event) -> dict[str, Any]:
    """Of the only step with this event."""
    (step,) = steps(found, event)
    return step.details


def batch_of(first: Entry) -> str:
    """The id of a batch that was opened for this push, as web draws it."""
    return str(UUID(bytes=id_of(first.received_us + 1, 7)))


def wrote(found: Trace) -> dict[str, dict[str, Any]]:
    """What was written, by table."""
    return {step.details["table"]: step.details for step in steps(found, Event.WROTE)}


def test_story_of_a_push(client: Any, database: Database) -> None:
    """From its coming to its rows: in which batch, by which worker, how long after, with which warnings."""
    one = signed(entry(push(callee={"callee_number": "+6281234567890", "due_date": "2021-02-30"})))
    batch_id = enqueued(client, [one, entry(push("c2"))], batch_of(one))
    normalise_batch(client, database, batch_id)

    found = traced(one.uuid)

    assert (found.found_as, found.pushes, found.left_out) == (["push id"], 1, [])
    assert [step.event for step in found.steps][:4] == [Event.RECEIVED, Event.ANSWERED, Event.SETTLED, Event.WARNED]
    came = details(found, Event.RECEIVED)
    assert {**came, "bytes": 0} == {
        "source": "default", "kind": "custom-api", "bytes": 0, "signed": True, "workflow_id": "w1", "node_id": "n1",
        "call_id": "c1", "callee_number": "…90",
    }  # fmt: skip
    assert details(found, Event.ANSWERED) == {"status": 200, "kept_in": "Redis"}
    settled = details(found, Event.SETTLED)
    assert (settled["outcome"], str(settled["batch_id"]), settled["attempt"]) == ("normalised", batch_id, 1)
    assert 0 <= settled["seconds"] < 600
    assert ":" in settled["worker"]
    assert details(found, Event.WARNED)["path"] == "$.callee.due_date"
    assert {step.push_id for step in found.steps} == {one.uuid}


def test_rows_that_a_push_wrote(database: Database, connection: Rows) -> None:
    """Its columns that are still there, and by which newer push the others were told since."""
    first, second = entry(push()), entry(push("c2", workflow_name="renamed"))
    settle(database, [first, second])

    found = wrote(traced(first.uuid))

    assert found["calls"]["key"] == {"call_id": "c1"}
    assert {"started_at", "transcript"} <= set(found["calls"]["columns"])
    assert "newer" not in found["calls"]
    assert found["workflows"]["newer"] == {str(second.uuid): ["name"]}
    assert "columns" not in found["workflows"]
    assert found["cases"]["key"] == {"callee_number": "…90", "case_id": "…-1"}
    connection.execute("DELETE FROM airudder.calls")
    assert wrote(traced(first.uuid))["calls"] == {"table": "calls", "key": {"call_id": "c1"}, "gone": True}


def test_rows_by_the_vendors_time(database: Database) -> None:
    """Where a version is made of the vendor's time, its rows are found all the same."""
    body = {"state": "Finished", "taskId": "t1", "taskName": "calls", "timestamp": 1764300000000}
    one = entry_of("dialer", {"type": "TaskStatus", "body": body})
    settle(database, [one])

    found = traced(one.uuid)

    assert set(wrote(found)["dialer_tasks"]["columns"]) == {"name", "state", "body_digest"}
    assert traced("t1").found_as[0] == "task id"
    assert {step.push_id for step in traced("t1").steps} == {one.uuid}


def test_numbers_are_masked_unless_asked_for(client: Any, database: Database) -> None:
    """Of what tells who somebody is the last two characters, in flight too."""
    body = push("c1")
    body["callee"]["case_id"] = "loan-4711-b"
    settle(database, [entry(body)])
    enqueued(client, [entry(body | {"node_id": "n2"})])

    assert "loan-4711" not in str(traced("c1")) + str(traced("loan-4711-b"))
    assert "34567" not in str(traced("c1"))
    shown = traced("c1", show_personal=True)
    assert "+6281234567890" in str(shown)
    assert "loan-4711-b" in str(shown)


def test_redeliveries(database: Database) -> None:
    """The same bytes again are steps of the same story, from whichever delivery it is asked for."""
    one = entry(push())
    again, nameless = entry(one.body, later_us=60_000_000), entry({"workflow_id": "w1", "workflow_name": "x"})
    retry = entry(nameless.body, later_us=60_000_000)
    settle(database, [one, again, nameless, retry, entry(push(node_id="n2"))])

    for first, second in ((one, again), (nameless, retry)):
        for asked in (first, second):
            found = traced(asked.uuid)
            (redelivered,) = steps(found, Event.REDELIVERED)
            assert (redelivered.push_id, redelivered.details["same_bytes_as"]) == (second.uuid, first.uuid)
            (duplicate,) = (step for step in steps(found, Event.SETTLED) if step.push_id == second.uuid)
            assert (duplicate.details["outcome"], duplicate.details["of"]) == ("duplicate", first.uuid)
            assert found.pushes == 2
    assert traced("c1").pushes == 3


def test_same_bytes_that_are_news(database: Database) -> None:
    """A status that comes back is no redelivery, though its bytes are the same."""
    statuses = ("running", "paused", "running")
    pushes = [entry_of("workflow-status", {"workflow_id": "w1", "status": status}) for status in statuses]
    last = received_at(pushes[2], pushes[2].received_us + 600_000_000)
    for one in (*pushes[:2], last):
        settle(database, [one])

    found = traced("w1")

    assert found.pushes == 3
    assert not steps(found, Event.REDELIVERED)


def test_when_a_redelivery_was_settled(client: Any, database: Database) -> None:
    """Its row does not say; if only one transaction comes into question, that one tells."""
    one = entry(push())
    settle(database, [one])
    again = entry(one.body)
    batch_id = enqueued(client, [again], batch_of(again))
    normalise_batch(client, database, batch_id)

    (settled,) = (step for step in steps(traced(one.uuid), Event.SETTLED) if step.push_id == again.uuid)
    assert settled.at
    assert str(settled.details["batch_id"]) == batch_id

    settle(database, [entry(one.body)])

    both = [step.at for step in steps(traced(one.uuid), Event.SETTLED) if step.push_id == again.uuid]
    assert both == [None]


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b"[]", 422), (b'{"a": 1}', 200), (b"\xff", 400), (b'{"call": {}}', 200)]
)
def test_answer_and_death(database: Database, body: bytes, status: int) -> None:
    """What the endpoint answered follows from the bytes; a dead push says why."""
    one = entry(body)
    settle(database, [one])

    found = traced(one.uuid)

    assert details(found, Event.ANSWERED)["status"] == status
    assert details(found, Event.DIED)["error_path"] == "$"


def test_pending_push(connection: Rows, database: Database) -> None:
    """Web stored it in Postgres; it waits, and how often it was tried is told."""
    one = entry(push())
    store_pending(connection, one, attempts=2)

    found = traced(one.uuid)

    assert details(found, Event.ANSWERED)["kept_in"] == "Postgres, as Redis did not confirm"
    assert details(found, Event.PENDING) == {"attempts": 2}
    assert not steps(found, Event.WROTE, Event.SETTLED)


def test_what_operators_did(connection: Rows) -> None:
    """Each replay and discard with who and why, and the error that the push had before."""
    one = entry(push())
    make_dead(connection, one)
    for minutes, event in enumerate(("died", "replayed", "died", "discarded")):
        noted = {"event": event, "at": one.received_at + timedelta(minutes=minutes), "error": f"KeyError {minutes}"}
        connection.execute(NOTE_EVENT, {**noted, "push_id": one.uuid, "received_at": one.received_at})

    found = traced(one.uuid)

    assert [step.event for step in found.steps[2:]] == [Event.DIED, Event.REPLAYED, Event.DIED, Event.DISCARDED]
    assert [step.details["error"] for step in steps(found, Event.DIED)] == ["KeyError 0", "KeyError 2"]
    replayed = details(found, Event.REPLAYED)
    assert (replayed["operator"], replayed["command"], replayed["reason"]) == ("ann@host", "dead replayed", "fixed")


def test_erased_push(database: Database) -> None:
    """Nothing of it is left, and that is told."""
    one = entry(push())
    settle(database, [one])
    assert ingest("erase", "--callee-number", "+6281234567890").returncode == 0

    found = traced(one.uuid)

    assert steps(found, Event.ERASED)
    assert details(found, Event.ANSWERED)["status"] is None
    assert not steps(found, Event.WROTE)
    assert traced("c1").pushes == 1


@pytest.mark.parametrize(
    ("identifier", "found_as"),
    [("c1", "call id"), ("case-1", "case id"), ("0062 812 3456 7890", "telephone number"), ("w1", "workflow id"),
     ("t1", "workflow or task id"), ("nameless case", "case id")],
)  # fmt: skip
def test_ids_of_every_sort(database: Database, identifier: str, found_as: str) -> None:
    """Whatever a person has at hand leads to the push."""
    body = push()
    body["call"]["task_id"] = "t1"
    settle(database, [entry(body), entry({"workflow_id": "w2", "callee": {"case_id": "nameless case"}})])

    found = traced(identifier)

    assert found_as in found.found_as
    assert found.pushes == 1
    assert steps(found, Event.SETTLED)


def test_batch_and_what_came_of_it(client: Any, database: Database) -> None:
    """By its id, which is its job's: each transaction's counts and who made them, and its pushes, the dead too."""
    entries = [entry(push("c1")), entry(b"[]"), entry(push("c2"))]
    batch_id = enqueued(client, [*entries, entry(entries[0].body)], batch_of(entries[0]))
    other = entry(push("c3"))
    normalise_batch(client, database, batch_id)
    settle(database, [other])

    found = traced(batch_id)

    assert found.found_as == ["batch id"]
    assert {step.push_id for step in found.steps} - {None} >= {entries[0].uuid, entries[2].uuid}
    assert other.uuid not in {step.push_id for step in found.steps}
    (settled,) = (step for step in steps(found, Event.SETTLED) if step.push_id is None)
    assert {name: settled.details[name] for name in ("normalised", "duplicate", "dead", "attempt")} == {
        "normalised": 2, "duplicate": 1, "dead": 1, "attempt": 1,
    }  # fmt: skip
    assert found.steps[0].event in (Event.RECEIVED, Event.BATCH_OPENED)
    assert "more pushes of the batch" in found.left_out[0]


def test_stories_are_in_order(database: Database) -> None:
    """Of several pushes the steps are by time, whichever push is older."""
    old, new = entry(push(node_id="n1")), entry(push(node_id="n2"))
    old = received_at(old, old.received_us - 3_600_000_000)
    settle(database, [new])
    settle(database, [old])

    found = traced("c1")

    times = [step.at for step in found.steps if step.at]
    assert times == sorted(times)
    assert times[-1] - times[0] > timedelta(minutes=59)
    assert found.steps[0].push_id == old.uuid


def test_trace_is_printed(database: Database) -> None:
    """A line a step; the rows that many pushes wrote are left to `--json`."""
    settle(database, [entry(push("c1", node_id=f"n{number}")) for number in range(6)])
    one = entry(push("c2"))
    settle(database, [one])

    single, several = ingest("trace", str(one.uuid)), ingest("trace", "c1")

    assert (single.returncode, single.stderr) == (0, "")
    assert "table calls  key call_id=c2  columns callee_number,case_id," in single.stdout
    assert "+6281234567890" not in single.stdout
    assert "+6281234567890" in ingest("trace", "c2", "--show-personal").stdout
    assert "rows that so many pushes wrote" in several.stdout
    assert "table calls" not in several.stdout
    told = json.loads(ingest("trace", "c1", "--json").stdout)
    assert {step["event"] for step in told["steps"]} == {"received", "answered", "settled", "wrote"}


@pytest.mark.parametrize("identifier", ["nobody", "f" * 32, "\udcff7", "01a2215f-fc97-7370-868b-39ac065e7418", ""])
def test_nothing_is_known(identifier: str) -> None:
    """Of something unknown, with exit code 1."""
    result = ingest("trace", identifier)

    assert result.returncode == 1
    assert "nothing found" in result.stderr
