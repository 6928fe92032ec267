"""Says when: for each kind, whether the same bytes hours later are a retry or tell that it is so again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from psycopg import Connection

from ingest.batch.entry import Entry
from ingest.kinds import KINDS
from ingest.kinds.normalise import normalise
from tests.of_kind import entry_of
from tests.pushes import push, received_at
from tests.stored import outcomes, rows
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

NUMBER = "+6281234567801"
AT, EPOCH = "2026-11-24T09:01:52Z", 1795510912
CALLEE = {"workflow_id": "w1", "node_id": "n1", "callee": {"callee_number": NUMBER}}
DONE = {"workflow_id": "w1", "callee_number": NUMBER, "rows": [{"nodetask_id": "n1"}]}
TASK = {"taskId": "t1", "state": "CALLING"}
PULLED = {"task_id": "t1", "call_key": "k1", "call": {"Mobile": NUMBER, "Status": "finished"}}
SAYING: list[tuple[str, dict[str, Any]]] = [
    ("custom-api", push()),
    ("custom-api", {**CALLEE, "call": {"call_id": "c1"}}),
    ("custom-api", {**CALLEE, "call": {"call_start_time": AT}}),
    ("custom-api", {**CALLEE, "call": {"call_end_time": AT}}),
    ("chatbot-session-ended", {"wfdetail_uuid": "s1", "callee": NUMBER}),
    ("chatbot-session-ended", {"callee": NUMBER, "timestamp": EPOCH}),
    ("chatbot-session-ended", {"callee": NUMBER, "session_end_time": AT}),
    ("call-completed", {"Mobile": NUMBER, "TaskID": "t1", "CallStartTime": AT}),
    ("call-completed", {"Mobile": NUMBER, "call_id": "c1"}),
    ("info-check-call-completed", {"Mobile": NUMBER, "TaskID": "t1", "CallEndTime": AT}),
    ("dialer", {"type": "ContactStatus", "body": {"phoneNumber": NUMBER, "callid": "c1"}}),
    ("dialer", {"type": "TaskStatus", "body": {**TASK, "timestamp": str(EPOCH * 1000)}}),
    ("pulled-call", PULLED),
]
SILENT: list[tuple[str, dict[str, Any]]] = [
    ("custom-api", CALLEE),
    ("custom-api", {**CALLEE, "call": {"call_id": "0", "ring_type": "normal", "call_start_time": "0001-01-01"}}),
    ("chatbot-session-ended", {"callee": NUMBER, "wfdetail_uuid": "null", "session_end_time": ""}),
    ("qa-report", {"TaskID": "t1", "QADetail": [{"Length": 1}]}),
    ("list-completed", DONE),
    ("workflow-status", {"workflow_id": "w1", "status": "running"}),
    ("call-completed", {"Mobile": NUMBER, "TaskID": "t1"}),
    ("call-completed", {"Mobile": NUMBER, "TaskID": "t1", "Status": "cancelled", "CallStartTime": AT}),
    ("dialer", {"type": "TaskStatus", "body": TASK}),
    ("dialer", {"type": "AgentStatus", "body": {"agentName": "siti", "callid": "0", "State": "READY"}}),
    ("dialer", {"type": "AgentStatus", "body": {"agentName": "siti", "callid": "c1", "State": "HOLD"}}),
    ("pulled-call", {**PULLED, "call_key": ""}),
    ("call-ended", {"callee": NUMBER, "call_id": "c1"}),
    ("pulled-notice", {"callee": NUMBER}),
]


@pytest.mark.parametrize(("kind", "body"), SAYING, ids=json.dumps)
def test_of_one_moment(kind: str, body: dict[str, Any]) -> None:
    """By a time, or by the one call or session that it is about."""
    assert normalise(entry_of(kind, body)).says_when


@pytest.mark.parametrize(("kind", "body"), SILENT, ids=json.dumps)
def test_may_be_so_again(kind: str, body: dict[str, Any]) -> None:
    """Nothing in it tells a retry from news but how long after it comes."""
    assert not normalise(entry_of(kind, body)).says_when


def test_each_module_is_looked_at() -> None:
    """A new kind has its place in one of the lists."""
    assert {KINDS[kind] for kind, _ in SAYING + SILENT} == set(KINDS.values())


OTHER_DONE = {**DONE, "rows": [{"nodetask_id": "n2"}]}
OTHER_CALLEE = {**CALLEE, "callee": {"callee_number": NUMBER, "callee_name": "Ani"}}
NAMED = {**CALLEE, "callee": {"callee_number": NUMBER, "callee_name": "Budi"}}


@pytest.mark.parametrize(
    ("kind", "first", "between", "table"),
    [
        ("list-completed", DONE, OTHER_DONE, "list_completions"),
        ("custom-api", NAMED, OTHER_CALLEE, "callees"),
        (
            "qa-report",
            {"TaskID": "t1", "QADetail": [{"Length": 1}]},
            {"TaskID": "t1", "QADetail": [{"Length": 2}]},
            "qa_reports",
        ),
    ],
)
def test_bytes_that_come_again_hours_later_are_news(
    database: Database, connection: Rows, kind: str, first: Any, between: Any, table: str
) -> None:
    """At nine, another at eleven, the first one's bytes at two: the row is the third's. A retry is none."""
    deliveries = [at(entry_of(kind, one), minutes) for one, minutes in ((first, 0), (between, 120), (first, 300))]
    retry = at(entry_of(kind, first), 304)

    for one in (*deliveries, retry):
        settle(database, [one])

    assert outcomes(connection) == {"normalised": 3, "duplicate": 1}
    assert [row["push_id"] for row in rows(connection, table)] == [deliveries[2].uuid]


def at(one: Entry, minutes: int) -> Entry:
    """The push as if it had come so long after noon of a day."""
    noon = one.received_us - one.received_us % 86_400_000_000 - 12 * 3_600_000_000
    return received_at(one, noon + minutes * 60_000_000)
