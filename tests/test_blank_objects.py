"""Objects of blanks: one in which nothing is said takes none away that says something, whatever the kind."""

from __future__ import annotations

import json
from typing import Any

import pytest
from psycopg import Connection

from ingest.kinds.normalise import normalise
from ingest.tables import TABLE_OF
from tests.corpus.documents import replaced
from tests.of_kind import entry_of
from tests.pushes import entry, push
from tests.stored import rows
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

NUMBER = "+6281234567801"
CALLED = {**push(), "callee": {**push()["callee"], "extend": {}}}
SESSION = {"wfdetail_uuid": "s1"}
COMPLETED = {"Mobile": NUMBER, "TaskID": "t1"}
CONTACT = {"type": "ContactStatus", "body": {"phoneNumber": NUMBER}}
AGENT = {"type": "AgentStatus", "body": {"agentName": "siti"}}
PULLED = {"task_id": "t1", "call_key": "k1", "call": {"Mobile": NUMBER, "Status": "finished"}}
COLUMNS: list[tuple[str, dict[str, Any], tuple[str, ...], str, str]] = [
    ("custom-api", CALLED, ("call", "multi_label"), "calls", "multi_label"),
    ("custom-api", CALLED, ("call", "intention"), "calls", "intention"),
    ("custom-api", CALLED, ("callee", "extend", "variables"), "cases", "variables"),
    ("custom-api", CALLED, ("custom_attribute",), "call_attributes", "custom_attribute"),
    ("chatbot-session-ended", SESSION, ("ner_slots",), "sessions", "slots"),
    ("chatbot-session-ended", SESSION, ("event_label",), "sessions", "labels"),
    ("chatbot-session-ended", SESSION, ("variables",), "sessions", "variables"),
    ("call-completed", COMPLETED, ("Multi_intention",), "completed_calls", "multi_label"),
    ("call-completed", COMPLETED, ("Intention",), "completed_calls", "intention"),
    ("dialer", CONTACT, ("body", "customerInfo"), "dialer_contacts", "customer_info"),
    ("dialer", CONTACT, ("body", "privateData"), "dialer_contacts", "private_data"),
    ("dialer", CONTACT, ("body", "customizeResults"), "dialer_contacts", "customize_results"),
    ("dialer", AGENT, ("body", "holdDuration"), "dialer_agents", "day_counters"),
    ("pulled-call", PULLED, ("call", "Multi_intention"), "calls", "multi_label"),
]
BLANKS: list[Any] = [
    *({}, {"a": ""}, {"a": None, "b": " "}, {"a": {"b": [None, "\u200b"]}, "c": []}, {"a": "\u3164\ufe0f"}),
]
SAYING: list[Any] = [{"a": 0}, {"a": False}, {"a": "", "b": [{"c": "x"}]}, {"a": "\u3042"}, {"a": "\u200bx"}]


def stored(kind: str, body: Any, table: str, column: str) -> Any:
    """What a push tells of a column; None where it has no such row."""
    found = {TABLE_OF[type(row)].name: row for row in normalise(entry_of(kind, body)).rows}
    return getattr(found[table], column) if table in found else None


@pytest.mark.parametrize("blank", BLANKS, ids=json.dumps)
@pytest.mark.parametrize(("kind", "body", "place", "table", "column"), COLUMNS)
def test_object_of_blanks_says_nothing(
    kind: str, body: Any, place: tuple[str, ...], table: str, column: str, blank: Any
) -> None:
    """None is what leaves an older push's value; a string of such JSON is none either."""
    assert stored(kind, replaced(body, place, blank), table, column) is None
    if column not in ("intention", "private_data"):
        assert stored(kind, replaced(body, place, json.dumps(blank)), table, column) is None


@pytest.mark.parametrize("said", SAYING, ids=json.dumps)
@pytest.mark.parametrize(("kind", "body", "place", "table", "column"), COLUMNS)
def test_what_is_said_is_stored(
    kind: str, body: Any, place: tuple[str, ...], table: str, column: str, said: Any
) -> None:
    """0 and false are something, and so is one text among blanks."""
    assert stored(kind, replaced(body, place, said), table, column)


@pytest.mark.parametrize(
    "sent",
    [
        ['{"title": "a", "value": "b"}'],
        '[{"Title": "a", "value": "b"}]',
        ['"{\\"title\\": \\"a\\", \\"value\\": \\"b\\"}"'],
    ],
)
def test_results_that_are_strings_of_json(sent: Any) -> None:
    """The list and its items."""
    found = stored(
        "dialer", replaced(CONTACT, ("body", "customizeResults"), sent), "dialer_contacts", "customize_results"
    )

    assert found == '[{"title":"a","value":"b"}]'


def test_counter_that_is_a_string_of_json() -> None:
    """What is in it is stored."""
    found = stored("dialer", replaced(AGENT, ("body", "holdDuration"), '{"auto": 0}'), "dialer_agents", "day_counters")

    assert found == '{"holdDuration":{"auto":0}}'


def test_array_of_blanks_is_no_intention() -> None:
    """Where any type may come."""
    assert stored("custom-api", replaced(CALLED, ("call", "intention"), ["", None]), "calls", "intention") is None


def test_what_cannot_be_stored_says_nothing() -> None:
    """Of what lies too deep nothing is left but brackets: they are no news."""
    deep: Any = "said"
    for _ in range(200):
        deep = {"a": deep}

    assert stored("custom-api", replaced(CALLED, ("call", "multi_label"), deep), "calls", "multi_label") is None
    session = {**SESSION, "messages": [{"content": deep}]}
    assert stored("chatbot-session-ended", session, "sessions", "message_count") is None
    assert not normalise(entry_of("qa-report", {"TaskID": "t1", "QADetail": [deep]})).rows


def test_what_was_told_stays(database: Database, connection: Rows) -> None:
    """Attributes, labels and variables."""
    told = replaced(replaced(CALLED, ("call", "multi_label"), {"a": 1}), ("callee", "extend"), {"variables": {"a": 1}})
    blank = {"a": "", "b": None}
    silent = replaced(replaced(told, ("call", "multi_label"), blank), ("callee", "extend"), {"variables": blank})
    settle(database, [entry({**told, "custom_attribute": {"a": 1}})])
    settle(database, [entry({**silent, "custom_attribute": blank})])

    assert rows(connection, "calls")[0]["multi_label"] == {"a": 1}
    assert rows(connection, "cases")[0]["variables"] == {"a": 1}
    assert [row["custom_attribute"] for row in rows(connection, "call_attributes")] == [{"a": 1}]
