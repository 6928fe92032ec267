"""What the statements of commands, and of the sweeper's samples, cost: each finds its rows by an index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any, LiteralString
from uuid import uuid4

import pytest

import ingest.tables
import ops.drift
import ops.search.statements
import ops.totals
import ops.trace.statements
import ops.warnings
import workers.sweeper.drift.sampling
import workers.sweeper.missing
from ingest.kinds import KINDS, kind_of
from ingest.kinds.normalise import normalise
from ops import queries
from ops.person import statements
from ops.person.rows import OF_CALLS, OF_PERSONS, OTHERS, erase_rows, rows_of
from ops.repair import discarding, groups, replays
from ops.simulator.pushes import generate
from ops.status import in_postgres
from ops.trace import lookup
from ops.trace.known import read_known
from ops.trace.lookup import look_up
from ops.trace.written import rows_written
from tests.explained import MOST_ROWS, Explaining, Rows, filled_tables, rows_read
from tests.of_kind import entry_of
from workers.selection import Selection
from workers.sweeper import replay_statements

READS_ALL = {
    "OUTCOMES_BY_HOUR": "reconcile holds every push of seven days against what was acknowledged",
}
"""Statements whose purpose it is to read all pushes, and why"""
TABLES_OF_PERSONS = (*OF_PERSONS, *OF_CALLS, *OTHERS)

_NOBODY: dict[str, Any] = {
    "source": None, "case_id": None, "numbers": [], "spellings": [], "in_e164": [], "case_numbers": [],
    "case_spellings": [], "call_sources": [], "call_ids": [], "case_sources": [], "case_ids": [],
    "sources": ["shop"] * 2, "callee_numbers": ["+628121000003"] * 2, "push_ids": [uuid4(), uuid4()],
    "kinds": ["custom-api"] * 2, "kind": "custom-api", "begun": datetime.now(UTC), "portion": 10,
    "push_id": uuid4(), "action_id": 1, "received_at": datetime.now(UTC), "limit": 50,
    "since": datetime.now(UTC) - timedelta(hours=1), "until": datetime.now(UTC), "task_id": "task",
    "received_ats": [datetime.now(UTC)] * 2, "after_received_at": datetime.now(UTC), "after_push_id": uuid4(),
    "times": [datetime.now(UTC)] * 2, "ids": ["call 1000003"],
    "newest": 500, "pushes": 500, "nothing": "why", "whole": "$", "workflow_ids": ["w1"] * 2, "most": 50,
    "digests": [bytes(32)] * 2, "body_digest": bytes(32), "call_id": None, "callee_number": "+628121000003",
    "moments": [datetime.now(UTC)] * 2, "batch_id": uuid4(), "settled_at": datetime.now(UTC),
    "hour": datetime.now(UTC) - timedelta(minutes=30), "before": datetime.now(UTC), "worker": "h:1",
    "yesterday": datetime.now(UTC) - timedelta(days=1),
    "last_seen": datetime.now(UTC), "looked_at": 500, "path": "$", "error": "why",
    "stretch": 500, "block_until": datetime.now(UTC) + timedelta(days=30),
    "end_received_at": datetime.now(UTC) + timedelta(milliseconds=500), "end_push_id": uuid4(),
}  # fmt: skip
_CALLS = {
    "call_id": "call 1000003",
    "callee_number": "+628121000003",
    "call_ids": ["call 1000003", "call 1000004"],
    "call_sources": ["shop"] * 2,
}
PERSON = {
    **_NOBODY, **_CALLS, "numbers": ["+628121000003"], "spellings": ["628121000003"], "in_e164": ["+628121000003"],
    "case_ids": ["case 1000003", "case 1000004"], "case_sources": ["shop"] * 2,
}  # fmt: skip
CASE = {
    **_NOBODY, **_CALLS, "source": "shop", "case_id": "case 1000003", "case_numbers": ["+628121000003"],
    "case_spellings": ["case 1000003", "case\u00a01000003"],
    "case_ids": ["case 1000003"] * 2,
}  # fmt: skip


def statements_of(module: ModuleType) -> dict[str, LiteralString]:
    """The statements of a module that read or write tables, by name."""
    found = {name: text for name, text in vars(module).items() if name.isupper() and isinstance(text, str)}
    return {
        name: text
        for name, text in found.items()
        if not name.startswith("_")
        and "airudder." in text
        and re.match(r"\s*(WITH|SELECT|INSERT|UPDATE|DELETE)\s", text)
    }


DISCARDED = Selection(statuses=("discarded",))
STATEMENTS = {
    **statements_of(queries),
    **statements_of(statements),
    **statements_of(groups),
    **statements_of(in_postgres),
    "groups of dead letters": groups.find_groups(Selection(statuses=("dead",))),
    "newest of a group": groups.find_newest(Selection(statuses=("dead",))),
    "pushes of a group": replays.count_of(Selection(statuses=("dead",), kind="custom-api", error="why")),
    "next to be discarded": discarding.find_portion(Selection(statuses=("dead",), kind="custom-api", error="why")),
    "dead letters of a source": replay_statements.choose(Selection(statuses=("dead",), source="shop")),
    "a stretch of dead letters": replay_statements.end_stretch(Selection(statuses=("dead",), source="shop")),
    "a stretch of pushes": replay_statements.end_stretch(DISCARDED),
    "discarded pushes in a stretch": replay_statements.choose(DISCARDED),
}
STATEMENTS |= statements_of(ops.totals) | statements_of(ops.warnings) | statements_of(ops.drift)
STATEMENTS |= statements_of(ops.trace.statements) | statements_of(ops.search.statements)
STATEMENTS |= {
    name: text for name, text in statements_of(workers.sweeper.drift.sampling).items() if name.startswith("FIND_")
}

STATEMENTS["FIND_OLDEST_PENDING"] = workers.sweeper.missing.FIND_OLDEST_PENDING


@pytest.fixture(scope="module")
def filled(database_url: str) -> Iterator[Rows]:
    """Tables with thousands of rows."""
    with filled_tables(database_url) as connection:
        yield connection


@pytest.mark.parametrize("whom", [PERSON, CASE], ids=["person", "case"])
@pytest.mark.parametrize("name", STATEMENTS)
def test_rows_are_found_by_index(filled: Rows, name: str, whom: dict[str, Any]) -> None:
    """No statement of a command reads a large table from end to end, nor many more rows than it is about."""
    read = rows_read(filled, STATEMENTS[name], whom)

    if name in READS_ALL:
        assert read
    else:
        assert not [table for table in read if table.startswith("all of")], read
        assert sum(read.values()) <= MOST_ROWS, read


@pytest.mark.parametrize("whom", [PERSON, CASE], ids=["person", "case"])
def test_rows_of_a_person_are_found_by_index(filled: Rows, whom: dict[str, Any]) -> None:
    """Of each table that a person may be in, those of kinds to come included."""
    person, explaining = Asked(whom), Explaining(filled)
    keys = {**{name: whom[name] for name in ("sources", "push_ids")}, "call_ids": ["call 1000003"] * 2}
    keys |= {"all_push_ids": whom["push_ids"], "all_digests": [bytes(32)] * 2, "bits": ["0" * 16] * 2}

    with filled.transaction(force_rollback=True):
        rows_of(explaining, person, keys)  # type: ignore[arg-type]
        erase_rows(explaining, person, keys)  # type: ignore[arg-type]

    assert explaining.statements > 2 * len(TABLES_OF_PERSONS)


@pytest.mark.parametrize("identifier", ["call 1000003", "case 1000003", "+628121000003", "nothing"])
def test_trace_is_found_by_index(filled: Rows, identifier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked for; of a workflow or task some of the newest pushes are read."""
    monkeypatch.setattr(lookup, "NEWEST", 500)
    explaining: Any = Explaining(filled)

    found = look_up(explaining, identifier)
    read_known(explaining, found.pushes.values())

    assert bool(found.pushes) == (identifier != "nothing")
    assert explaining.statements > len(("pushes", "bodies", "events", "settlements"))


def test_count_ends_at_its_limit(filled: Rows) -> None:
    """How many pushes a limited replay is of is known once so many are found, whatever else is there."""
    explaining: Any = Explaining(filled, may_scan=True)

    assert replays.count_selected(explaining, Selection(("dead", "normalised"), source="shop", limit=20)) == 20


def test_rows_of_pushes_are_found_by_index(filled: Rows) -> None:
    """Of each table, by the keys that pushes of every kind have."""
    explaining: Any = Explaining(filled)
    names = ("push_id", "received_at", "source", "kind", "body", "signature")
    kinds = [name for name in KINDS if kind_of(name).struct]
    pushes = [entry_of(kind, one.body) for kind in kinds for one in generate(seed=1, count=20, kinds={kind: 1})]
    different = {frozenset(map(type, normalise(one).rows)): one for one in pushes}.values()
    bodies = [(one.uuid, one.received_at, one.source, one.kind, one.body, None) for one in different]

    written = rows_written(explaining, [dict(zip(names, body, strict=True)) for body in bodies])

    assert {one.table for one in written} == set(ingest.tables.TABLES)
    assert explaining.statements == len(ingest.tables.TABLES)


class Asked:
    """Whom a command is about."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        self._parameters = parameters

    def parameters(self) -> dict[str, Any]:
        """As `Person.parameters`."""
        return {name: self._parameters[name] for name in _NOBODY if name not in ("sources", "push_ids")}


def test_statements_are_looked_at() -> None:
    """The statements of commands that have to be quick are among those that are looked at."""
    assert STATEMENTS.keys() >= {
        "PENDING",
        "DEAD",
        "OLDEST_PUSH",
        "DEAD_NEWEST_FIRST",
        "PUSHES_WITHOUT_NUMBER",
        "DEAD_BY_CAUSE",
    }
