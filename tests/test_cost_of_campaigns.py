"""What campaigns cost: their statements read the calls of a day, a call or a person, by index, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg.rows import dict_row

from ops.campaigns import statements
from ops.campaigns.bound import bounded
from ops.days import Period
from tests.conftest import TABLES
from tests.explained import Rows, nodes

OF_DAY = 206
"""Calls, one every seven minutes"""
LOOKED_AT = 50
SMALL = {"ring_types", "hangup_types", "dialer_hangup_reasons", "workflows", "nodes", "node_tasks"}
"""Tables that may be read as a whole: there are few rows of these, however many calls there are"""
SINCE = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

_FILL: LiteralString = """
INSERT INTO airudder.calls (source, call_id, task_id, workflow_id, callee_number, case_id, started_at, ended_at,
  turn_count, transcript, received_at, push_id)
SELECT 'shop', 'call ' || n, 'task', CASE WHEN mod(n, 2) = 0 THEN 'w1' ELSE 'w2' END, '+62812' || n, 'case ' || n,
  %(since)s + n * interval '7 minutes', %(since)s + n * interval '7 minutes 1 second', 1, jsonb_build_array(n),
  %(since)s, gen_random_uuid()
FROM generate_series(-10000, 9999) AS n;
INSERT INTO airudder.calls (source, call_id, received_at, push_id)
SELECT 'shop', 'none ' || n, %(since)s, gen_random_uuid() FROM generate_series(1, 300) AS n;
INSERT INTO airudder.call_attributes (source, call_id, node_id, custom_attribute, received_at, push_id)
SELECT source, call_id, 'n1', '{}', received_at, push_id FROM airudder.calls;
INSERT INTO airudder.callees (source, callee_number, received_at, push_id)
SELECT source, callee_number, received_at, push_id FROM airudder.calls WHERE callee_number IS NOT NULL;
INSERT INTO airudder.sessions (source, session_id, callee_number, workflow_id, started_at, received_at, push_id)
SELECT source, call_id, callee_number, workflow_id, started_at, received_at, push_id FROM airudder.calls;
INSERT INTO airudder.completed_calls (source, callee_number, task_id, started, started_at, received_at, push_id)
SELECT source, callee_number, task_id, '', started_at, received_at, push_id FROM airudder.calls
WHERE callee_number IS NOT NULL;
INSERT INTO airudder.list_completions (source, callee_number, workflow_id, case_id, nodes, received_at, push_id)
SELECT source, callee_number, workflow_id, '', '[{"nodetask_id": "n1"}]', received_at, push_id FROM airudder.calls
WHERE callee_number IS NOT NULL;
INSERT INTO airudder.dialer_contacts (source, callee_number, task_id, received_at, push_id)
SELECT source, callee_number, task_id, received_at, push_id FROM airudder.calls WHERE callee_number IS NOT NULL;
INSERT INTO airudder.dialer_calls (source, call_id, received_at, push_id)
SELECT source, call_id, received_at, push_id FROM airudder.calls;
INSERT INTO airudder.pushes (push_id, received_at, source, kind, body, status, normalised_at, workflow_id, node_id,
  callee_number, call_id)
SELECT push_id, received_at, source, 'custom-api', convert_to(call_id, 'UTF8'), 'normalised',
  now(), workflow_id, 'n1', callee_number, call_id
FROM airudder.calls;
"""

WHERE: dict[str, Any] = {
    "since": SINCE, "until": SINCE + timedelta(days=1), "told_until": SINCE + timedelta(days=2), "source": "shop",
    "workflow_id": "w1", "call_id": "call 8", "numbers": ["+628128"], "most": LOOKED_AT, "some": LOOKED_AT,
    "looked": LOOKED_AT, "start": 0, "before_at": SINCE + timedelta(days=1), "before_source": "", "before_call_id": "",
    "node_ids": ["n1"], "intention": None, "outcome": "reached", "sources": ["shop"], "workflow_ids": ["w1"],
}  # fmt: skip
STATEMENTS: dict[str, str] = {
    name: text
    for name, text in vars(statements).items()
    if name.isupper() and not name.startswith("_") and isinstance(text, str)
}


@pytest.fixture(scope="module")
def filled(database_url: str) -> Iterator[Rows]:
    """A hundred days of calls, and all else that is told of them."""
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
        connection.execute(f"TRUNCATE airudder.{TABLES}")
        for statement in _FILL.split(";\n"):
            connection.execute(statement, {"since": SINCE})
        connection.execute("ANALYZE")
        yield connection
        connection.execute(f"TRUNCATE airudder.{TABLES}")


@pytest.mark.parametrize("name", STATEMENTS)
def test_statement_reads_what_it_is_about(filled: Rows, name: str) -> None:
    """By an index, and no more rows than those of the day, or than may be looked at."""
    explain = b"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) "
    (explained,) = filled.execute(explain + STATEMENTS[name].encode(), WHERE)

    scans = [node for node in nodes(explained["QUERY PLAN"][0]["Plan"]) if "Relation Name" in node and rows_of(node)]
    whole = {node["Relation Name"] for node in scans if node["Node Type"] == "Seq Scan"}
    assert whole <= SMALL
    read = sum(map(rows_of, scans))
    assert read <= 4 * OF_DAY + 100


def test_bound_is_had_from_indexes(filled: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a day has most of the calls, in no order, and nothing was vacuumed since."""
    monkeypatch.setattr(statements, "LATEST_BEYOND", f"EXPLAIN (FORMAT JSON) {statements.LATEST_BEYOND}")
    plans: list[dict[str, Any]] = []

    def kept(_: object) -> Callable[[Sequence[Any]], dict[str, Any]]:
        def keep(row: Sequence[Any]) -> dict[str, Any]:
            plans.append(row[0][0]["Plan"])
            return {"started_at": None}

        return keep

    with filled.transaction(force_rollback=True):
        filled.execute("UPDATE airudder.calls SET started_at = %(since)s + random() * interval '1 day'", WHERE)
        filled.execute("ANALYZE airudder.calls")
        monkeypatch.setattr(filled, "row_factory", kept)
        bounded(filled, Period(WHERE["since"], WHERE["until"]), 10**6)

    (plan,) = plans
    scans = [node["Node Type"] for node in nodes(plan) if "Relation Name" in node]
    assert scans == ["Index Only Scan"] * 3


def rows_of(node: dict[str, Any]) -> float:
    """How many rows a scan has looked at."""
    looked_at: float = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    return looked_at


def test_statements_are_looked_at() -> None:
    """Those that read many rows are among them."""
    assert STATEMENTS.keys() >= {"CALLS_OF_DAY", "CALLS_OF_WORKFLOW", "CALLS_OF_WEEK", "NODES_OF_CALLS", "CONTACTS"}
