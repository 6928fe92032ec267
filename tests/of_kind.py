"""Pushes of any kind, and what has to be true of each kind alike."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import Connection

from ingest.batch.entry import Entry
from ingest.kinds import kind_of
from ingest.kinds.normalise import NOTHING_RECOGNISED, normalise
from ops.simulator.pushes import generate
from tests.corpus.documents import fields, replaced, to_json
from tests.leaks.marks import Marks
from tests.leaks.pushes import REPAIRABLE
from tests.pushes import entry
from tests.stored import settled_in, told
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

ODD: list[Any] = [None, True, 0, -1.5, 10**30, "", "x" * 5000, "\0\ud800", [], [{}], {"a": [1]}, '{"a": 1}']


def entry_of(kind: str, content: Any, source: str = "default") -> Entry:
    """What web makes of a body of the kind: each is received after the one before."""
    return msgspec.structs.replace(entry(content, source), kind=kind)


def warnings_of(one: Entry) -> dict[str, str]:
    """What is warned of, by path."""
    warned = normalise(one).push.warnings
    return {warning["path"]: warning["problem"] for warning in json.loads(warned or "[]")}


def assert_simulated_well(kind: str) -> None:
    """What the simulator sends is normalised, with nothing to warn of."""
    for push in generate(seed=1, count=100, kinds={kind: 1}):
        one = normalise(entry_of(kind, push.body))
        assert (one.push.status, one.push.warnings) == ("normalised", None)
        assert one.rows


def assert_anything_has_an_outcome(database: Database, connection: Rows, kind: str, body: dict[str, Any]) -> None:
    """Whatever stands in any field of a push: it is normalised, or dead for want of what it is about."""
    struct = kind_of(kind).struct
    assert struct
    bodies = [to_json(replaced(body, field.steps, value)) for field in fields(struct) for value in ODD]

    settle(database, [entry_of(kind, one) for one in bodies])

    found = connection.execute("SELECT status, error FROM airudder.pushes").fetchall()
    assert len(found) == len(bodies) > len(ODD)
    assert {row["status"] for row in found} <= {"normalised", "duplicate", "dead"}
    assert {row["error"] for row in found} <= {None, NOTHING_RECOGNISED}


def assert_no_warning_holds_a_value(kind: str) -> None:
    """Whatever is wrong with its fields: paths and types, and nothing of what was sent."""
    for form in REPAIRABLE:
        marks = Marks()
        one = normalise(entry_of(kind, form(marks, kind).body()))
        assert marks.found_in(json.dumps([one.push.error, one.push.warnings]).encode()) == {}


def assert_any_order_ends_alike(database: Database, connection: Rows, deliveries: Sequence[Entry]) -> None:
    """In whatever order they are settled one by one, the rows are those that they come to in one batch."""
    settle(database, deliveries)
    expected = told(connection, deliveries, "default")
    for order in itertools.permutations(range(len(deliveries))):
        assert settled_in(order, deliveries, database, connection) == expected
