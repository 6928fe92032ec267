"""A new kind of push: one file, and a line in the list. Everything that handles pushes then handles it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from ingest.errors import UnknownKindError
from ingest.kinds import KINDS, kind_of
from ingest.kinds.normalise import ids_in, normalise
from ops.simulator.pushes import generate
from tests import made_up_kind
from tests.batches import nothing_in_flight
from tests.corpus.documents import fields, replaced, to_json
from tests.leaks.marks import Marks
from tests.leaks.pushes import REPAIRABLE
from tests.odd_pushes import documents
from tests.of_kind import entry_of
from tests.patience import PATIENT
from tests.processes import answers, running_command, running_server, wait_until
from tests.pushes import entry
from tests.sources import ROOT
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

NAME = made_up_kind.KIND.name
NUMBER, OTHER = "+6281234567801", "+6281234567802"
ADDED = f"from ingest.kinds import KINDS\nKINDS[{NAME!r}] = {made_up_kind.__name__!r}\n"
"""The line that makes the kind known, for a process of its own"""


@pytest.fixture(autouse=True)
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kind is in the list."""
    monkeypatch.setitem(KINDS, NAME, made_up_kind.__name__)


def command(*arguments: str) -> tuple[str, ...]:
    """`ingest …` with the kind in its list."""
    code = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{ADDED}{PATIENT}\nfrom ops.commands import main\nmain()"
    return (sys.executable, "-c", code, *arguments)


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(command(*arguments), env=os.environ, check=False, capture_output=True, text=True)


def parcel(call_id: str = "c1", number: str = NUMBER, **changes: Any) -> dict[str, Any]:
    """A push of the kind."""
    recipient = {"phone_number": number, "full_name": "Budi"}
    return {"flow_id": "w1", "call_id": call_id, "recipient": recipient, "tries": 2, **changes}


def parcel_entry(content: Any) -> Any:
    """What web makes of it."""
    return msgspec.structs.replace(entry(content), kind=NAME)


@contextmanager
def standing(client: Any) -> Iterator[str]:
    """Web and a worker that know the kind; web's URL."""
    with running_server(command("web"), "PORT", answers) as url, running_command(*command("worker"), WORKERS="1"):
        yield url
        wait_until(lambda: nothing_in_flight(client), "everything is settled")


@pytest.mark.parametrize("sent", ["--", "E"])
def test_intention_reaches_tables_and_analysts(database: Database, connection: Rows, sent: str) -> None:
    """Two dashes are a value as letters are: by whichever kind they come they are there, and for analysts too."""
    pulled = {"Mobile": NUMBER, "Status": "finished", "Intention": sent}
    by_kind: dict[str, Any] = {
        "custom-api": {"call": {"call_id": "c1", "intention": sent}},
        "chatbot-session-ended": {"wfdetail_uuid": "s1", "intention": sent},
        "call-completed": {"Mobile": NUMBER, "TaskID": "t1", "Intention": sent, "call_id": "c2"},
        "pulled-call": {"task_id": "t1", "call_key": "k", "call": pulled},
    }

    settle(database, [entry_of(kind, body) for kind, body in by_kind.items()])

    for table, number in (("calls", 3), ("sessions", 1), ("completed_calls", 1)):
        for schema in ("airudder", "airudder_analytics"):
            found = connection.execute(f"SELECT intention FROM {schema}.{table}".encode()).fetchall()
            assert found == [{"intention": sent}] * number, (schema, table)


def test_from_web_to_every_command(environment: None, client: Any, connection: Rows) -> None:
    """It is acknowledged, normalised, found, reconciled, exported, erased."""
    with standing(client) as url:
        for body in (parcel(), parcel("c2", OTHER), {"unknown": 1}):
            assert httpx.post(f"{url}/airudder/{NAME}", json=body).status_code == 200
        assert httpx.post(f"{url}/airudder/parcels", json=parcel()).status_code == 404
        # The same person by another kind: one callee, one call.
        assert httpx.post(f"{url}/airudder/custom-api", json={"call": {"call_id": "c1", "slots": "s"}}).is_success

    (call,) = connection.execute("SELECT * FROM airudder.calls WHERE call_id = 'c1'").fetchall()
    assert (call["callee_number"], call["attempt"], call["slots"]) == (NUMBER, 2, "s")
    assert "c1" in ran("find", NUMBER).stdout
    assert ran("reconcile").returncode == 0
    exported = json.loads(ran("export", "--callee-number", NUMBER).stdout)
    assert [push["kind"] for push in exported["pushes"]] == [NAME, "custom-api"]
    assert ran("erase", "--callee-number", NUMBER).returncode == 0
    left = connection.execute("SELECT body FROM airudder.pushes WHERE status <> 'erased' ORDER BY push_id").fetchall()
    assert [json.loads(row["body"]) for row in left] == [parcel("c2", OTHER), {"unknown": 1}]
    assert [row["callee_number"] for row in connection.execute("SELECT callee_number FROM airudder.callees")] == [OTHER]


def test_simulator_sends_it(environment: None, client: Any, connection: Rows) -> None:
    """`ingest send --kind` sends it, and what it claims of each push is true."""
    with standing(client) as url:
        sent = ran("send", f"{url}/airudder/{NAME}", "--kind", NAME, "--count", "40", "--rate", "0", "--bad", "10%")
        assert sent.returncode == 0, sent.stdout + sent.stderr
    assert ran("reconcile").returncode == 0
    for push in generate(seed=1, count=40, bad_share=0.1, kinds={NAME: 1}):
        one = normalise(parcel_entry(push.body))
        assert (one.push.status == "dead", one.push.call_id) == (push.is_bad, push.call_id)


def test_what_a_push_is_about_is_what_its_rows_have() -> None:
    """Those who look a raw push up find what the normaliser has stored."""
    for content in (parcel(), parcel(call_id=1.5), parcel(recipient='{"phone_number": 6281234567801}')):  # type: ignore[arg-type]
        one = parcel_entry(content)
        stored = normalise(one).push
        ids = ids_in(NAME, one.body)
        assert (ids.callee_number, ids.call_id) == (stored.callee_number, stored.call_id) != (None, None)


@pytest.mark.parametrize("form", REPAIRABLE)
def test_no_warning_holds_a_value(form: Any, database: Database, connection: Rows) -> None:
    """Whatever is wrong with its fields: paths and types, and nothing of what was sent."""
    marks = Marks()

    settle(database, [parcel_entry(form(marks, NAME).body())])

    (stored,) = connection.execute("SELECT status, error, warnings FROM airudder.pushes").fetchall()
    assert stored["status"] in ("normalised", "dead")
    assert marks.found_in(json.dumps([stored["error"], stored["warnings"]]).encode()) == {}


ODD: list[Any] = [None, True, 0, -1.5, 10**30, "", "x" * 5000, "\0\ud800", [], [{}], {"a": [1]}, '{"a": 1}']


def test_every_field_may_hold_anything(database: Database, connection: Rows) -> None:
    """The corpus takes its fields from the struct: each with each odd value comes to an outcome, in one batch."""
    bodies = [
        to_json(replaced(parcel(), field.steps, value)) for field in fields(made_up_kind.ParcelPush) for value in ODD
    ]

    settle(database, [parcel_entry(body) for body in bodies])

    found = connection.execute("SELECT status, count(*) FROM airudder.pushes GROUP BY 1").fetchall()
    assert sum(row["count"] for row in found) == len(bodies)
    assert {row["status"] for row in found} <= {"normalised", "duplicate"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_push_of_it_comes_to_an_outcome(data: st.DataObject) -> None:
    """Any object in its struct's image is normalised or dead, and comes to the same rows each time."""
    one = parcel_entry(to_json(data.draw(documents(made_up_kind.ParcelPush))))

    rows = normalise(one)

    assert rows == normalise(one)
    assert rows.push.status in ("normalised", "dead")


def test_kind_of_a_newer_web_waits(database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that does not know the kind yet leaves the push where it is, and it does not become a dead letter."""
    one = parcel_entry(parcel())
    monkeypatch.delitem(KINDS, NAME)
    kind_of.cache_clear()
    with pytest.raises(UnknownKindError):
        kind_of(NAME)

    with pytest.raises(Exception, match="pushes that wait: 1"):
        settle(database, [one])

    assert connection.execute("SELECT FROM airudder.pushes").fetchall() == []
