"""A list in which nothing is said is no news: what an older push told of stays, and nobody was reached by it."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import Connection

from tests.dialler import contact
from tests.of_kind import entry_of
from tests.pushes import push
from tests.stored import rows
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]


def called(**call: Any) -> dict[str, Any]:
    """A push about a call, with other fields of the call."""
    body = push()
    body["call"] |= call
    return body


def asked(**callee: Any) -> dict[str, Any]:
    """A push about a case, with other fields of the callee."""
    body = push()
    body["callee"] |= callee
    return body


def chatted(messages: Any) -> dict[str, Any]:
    """A session."""
    return {"wfdetail_uuid": "s1", "callee": "+6281234567890", "messages": messages}


def agent(**counters: Any) -> dict[str, Any]:
    """An agent's state."""
    return {"type": "AgentStatus", "body": {"State": "READY", "agentName": "siti", **counters}}


def completed(passed: Any) -> dict[str, Any]:
    """The end of a workflow with a person."""
    return {"workflow_id": "w1", "callee_number": "+6281234567890", "rows": passed}


def reported(details: Any) -> dict[str, Any]:
    """A quality report."""
    return {"TaskID": "t1", "QADetail": details}


EMPTY_TURNS: list[Any] = [
    *([{}], [{"time": "", "robottext": "", "text": None}], [{}, {}], [None], [{"robottext": " ", "text": "\n"}]),
]
EMPTY_ANSWERS: list[Any] = [[{}], [{"Question": "", "Content": ""}], [None], [{"Question": " ", "Content": "\t"}]]
EMPTY_RESULTS: list[Any] = [
    *({"Talk Result": "", "date": None}, [{"title": "Talk Result", "value": ""}]),
    *(
        [{"title": "Talk Result"}],
        [{}],
        [None],
        {"Talk Result": "", "Reasons": []},
        [{"title": "x", "value": {"a": " "}}],
    ),
]
EMPTY_MESSAGES: list[Any] = [
    *([{}], [{"msg_id": "", "sender_type": None}], [None]),
    [{"reply": {"foo": 1}}, {"content": {}}, {"reply": {}}],
    [{"content": {"type": "", "text": ""}}, {"reply": {"content": {"text": None}}}],
]
EMPTY_DETAILS: list[Any] = [
    *([{}], [{}, {}], [None], [{"Length": "", "Words": "", "AsrResults": [], "CheckPoint": [{}], "Scores": []}]),
]
EMPTY_COUNTERS: list[Any] = [
    {"holdDuration": {}, "curDayTalkResults": []},
    {"holdDuration": {"auto": None, "manual": ""}},
]
EMPTY_NODES: list[Any] = [[{}], [{"nodetask_id": "", "nodetask_name": None}], [None]]

CASES: dict[str, tuple[str, str, Any, list[Any]]] = {
    "transcript": ("custom-api", "calls", push(), [called(asr_result=said) for said in EMPTY_TURNS]),
    "answers": ("custom-api", "cases", push(), [asked(extra=said) for said in EMPTY_ANSWERS]),
    "results of a talk": (
        "dialer",
        "dialer_contacts",
        contact("TALKRESULT", customizeResults={"Talk Result": "promised"}),
        [contact("CALLING", customizeResults=said) for said in EMPTY_RESULTS],
    ),
    "messages": (
        "chatbot-session-ended",
        "sessions",
        chatted([{"msg_id": "m1", "sender_type": "user"}]),
        [chatted(said) for said in EMPTY_MESSAGES],
    ),
    "counters of a day": (
        "dialer",
        "dialer_agents",
        agent(holdDuration={"auto": 0}),
        [agent(**said) for said in EMPTY_COUNTERS],
    ),
    "nodes passed": (
        "list-completed",
        "list_completions",
        completed([{"nodetask_id": "n1"}]),
        [completed(said) for said in EMPTY_NODES],
    ),
    "report": ("qa-report", "qa_reports", reported([{"Length": 1}]), [reported(said) for said in EMPTY_DETAILS]),
}
COLUMNS = (
    *("transcript", "turn_count", "callee_turn_count", "answers", "customize_results", "messages", "message_count"),
    *("details", "detail_count", "day_counters", "nodes", "node_count"),
)


def told(connection: Rows, table: str) -> dict[str, Any]:
    """What the one row of a table has of its list."""
    (row,) = rows(connection, table)
    return {name: value for name, value in row.items() if name in COLUMNS}


@pytest.mark.parametrize(("kind", "table", "first", "later"), CASES.values(), ids=CASES.keys())
def test_what_was_said_stays(
    database: Database, connection: Rows, kind: str, table: str, first: Any, later: list[Any]
) -> None:
    """Whichever of them is settled first."""
    settle(database, [entry_of(kind, first)])
    wanted = told(connection, table)
    assert any(wanted.values())

    for body in later:
        settle(database, [entry_of(kind, body)])
        assert told(connection, table) == wanted


@pytest.mark.parametrize(("kind", "table", "first", "later"), CASES.values(), ids=CASES.keys())
def test_nothing_is_counted(
    database: Database, connection: Rows, kind: str, table: str, first: Any, later: list[Any]
) -> None:
    """A turn without a word is no conversation, and an empty form no result."""
    for body in later:
        settle(database, [entry_of(kind, body)])

    found = rows(connection, table)

    assert not any(value for row in found for name, value in row.items() if name in COLUMNS)
