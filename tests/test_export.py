"""Exporting a person: everything that is held on them, wherever it is, and nothing on anybody else."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from ingest.kinds import KINDS
from tests.persons import NUMBER, OTHER, hold_everywhere, marked
from tests.processes import ingest
from tests.pushes import entry
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")


def test_everything_is_exported(client: Any, database: Database, connection: Rows) -> None:
    """One document: callees, cases with answers, calls with turns and attributes, raw pushes of every status, and what
    is still in Redis."""
    hold_everywhere(client, database, connection)

    result = ingest("export", "--callee-number", NUMBER)

    document = json.loads(result.stdout)
    assert [name for name, rows in document.items() if not rows] == []
    assert (len(document["callees"]), len(document["cases"]), len(document["in_redis"])) == (2, 2, 4)
    assert {row["kind"] for row in document["pushes"]} == set(KINDS) - {"workflow-status"}
    assert sorted({row["status"] for row in document["pushes"]}) == [
        *("dead", "discarded", "duplicate", "normalised", "pending")
    ]
    mine = next(call for call in document["calls"] if call["call_id"] == "mine")
    assert mine["transcript"][0]["callee"] == "Mark5 speaking"
    assert mine["attributes"][0]["custom_attribute"] == {"key Mark5": "Mark5"}
    assert document["cases"][0]["answers"][0]["content"] == "Mark5"
    assert json.loads(document["in_redis"][0]["body"]) == marked("fourth")
    assert OTHER not in result.stdout


def test_history_of_pushes_is_exported(connection: Rows, database: Database) -> None:
    """What became of a push is held on whoever it is about; the errors of others' pushes are not."""
    mine, other = entry(b'["+6281234567890"]'), entry(b"[]")
    settle(database, [mine, other])
    assert ingest("dead", "discard", "--all", "--reason", "why").returncode == 0

    events = json.loads(ingest("export", "--callee-number", NUMBER).stdout)["push_events"]

    assert {event["push_id"] for event in events} == {str(mine.uuid)}
    assert [event["event"] for event in events] == ["died", "discarded"]
    assert events[1]["error"] == "a JSON object is expected, not an array"


def test_unreadable_body_is_base64(connection: Rows, database: Database) -> None:
    """A raw body that is no UTF-8 goes out byte for byte as well."""
    body = b'{"callee_name": "Jos\xe9", "callee_number": "+6281234567890"}'
    settle(database, [entry(body)])

    (exported,) = json.loads(ingest("export", "--callee-number", NUMBER).stdout)["pushes"]

    assert (exported["status"], exported["body"]) == ("dead", None)
    assert base64.b64decode(exported["body_base64"]) == body


def test_progress_is_for_terminals(connection: Rows, database: Database) -> None:
    """A terminal is shown how far the reading is; a pipe is not."""
    settle(database, [entry(marked()), entry(b"[]")])
    script = Path(sys.executable).with_name("ingest")
    ours, theirs = os.openpty()

    with open(ours, "rb", buffering=0) as shown:
        subprocess.run(
            [script, "export", "--callee-number", NUMBER], check=True, stdout=subprocess.DEVNULL, stderr=theirs
        )
        os.close(theirs)
        bar = shown.read(4096)

    assert b"reading pushes that name nobody" in bar
    assert ingest("export", "--callee-number", NUMBER).stderr == ""


def test_nobody_is_exported(client: Any, connection: Rows) -> None:
    """Of somebody unknown nothing is printed, with exit code 1."""
    result = ingest("export", "--case-id", "nobody")

    assert (result.returncode, result.stdout) == (1, "")
    assert "nothing found" in result.stderr
