"""Blank texts, and what programs print for nothing: no column takes one over what was told, whatever the kind."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import Connection

from ingest.kinds.normalise import normalise
from ingest.kinds.reading import texts
from ingest.tables import TABLE_OF
from ingest.tables.rows import CallRow, CaseRow, SessionRow, WorkflowStatusRow
from tests.corpus.documents import replaced
from tests.dialler import contact
from tests.of_kind import entry_of
from tests.pushes import entry, push, row_of
from tests.stored import rows
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

NUMBER = "+6281234567801"
NODE = {"nodetask_id": "n1"}
BODIES: list[tuple[str, dict[str, Any], tuple[str | int, ...], str, str]] = [
    *(
        ("custom-api", push(), place, table, column)
        for place, table, column in (
            (("workflow_name",), "workflows", "name"),
            (("node_name",), "nodes", "name"),
            (("callee", "callee_name"), "callees", "name"),
            (("callee", "callee_gender"), "callees", "gender"),
            (("callee", "location"), "callees", "location"),
            (("callee", "platform_name"), "callees", "platform_name"),
            (("callee", "extra_a"), "cases", "extra_a"),
            (("callee", "extra_b"), "cases", "extra_b"),
            (("callee", "extra_c"), "cases", "extra_c"),
            (("callee", "comments"), "cases", "comments"),
            (("callee", "currency_unit"), "cases", "currency_unit"),
            (("call", "slots"), "calls", "slots"),
            (("call", "ring_type"), "calls", "ring_type"),
            (("call", "hangup_type"), "calls", "hangup_type"),
            (("call", "intention"), "calls", "intention"),
        )
    ),
    *(
        ("workflow-status", {"workflow_id": "w1", "status": "x", "actions": [NODE]}, place, table, column)
        for place, table, column in (
            (("workflow_name",), "workflows", "name"),
            (("status",), "workflows", "status"),
            (("status",), "workflow_statuses", "status"),
            (("actions", 0, "nodetask_name"), "node_tasks", "name"),
            (("actions", 0, "node_type"), "node_tasks", "node_type"),
            (("actions", 0, "task_status"), "node_tasks", "task_status"),
        )
    ),
    *(
        ("chatbot-session-ended", {"wfdetail_uuid": "s1", "workflow_id": "w1"}, (field,), table, column)
        for field, table, column in (
            ("workflow_name", "workflows", "name"),
            ("nodetask_name", "sessions", "nodetask_name"),
            ("channel", "sessions", "channel"),
            ("channel_id", "sessions", "channel_id"),
            ("status", "sessions", "status"),
            ("session_end_reason", "sessions", "end_reason"),
            ("intention", "sessions", "intention"),
        )
    ),
    *(
        ("call-completed", {"Mobile": NUMBER, "workflow_id": "w1", "nodetask_id": "n1"}, (field,), table, column)
        for field, table, column in (
            ("workflow_name", "workflows", "name"),
            ("nodetask_name", "node_tasks", "name"),
            ("Status", "completed_calls", "status"),
            ("Comments", "completed_calls", "comments"),
        )
    ),
    *(
        (
            "dialer",
            {"type": "ContactStatus", "body": {"phoneNumber": NUMBER, "taskId": "t1"}},
            ("body", field),
            table,
            column,
        )
        for field, table, column in (
            ("taskName", "dialer_tasks", "name"),
            ("groupName", "dialer_tasks", "group_name"),
            ("contactName", "dialer_contacts", "contact_name"),
            ("contactName", "callees", "name"),
            ("address", "dialer_contacts", "address"),
            ("info1", "dialer_contacts", "info1"),
            ("remark", "dialer_contacts", "remark"),
            ("phoneTag", "dialer_contacts", "phone_tag"),
            ("privateData", "dialer_contacts", "private_data"),
            ("talkremarks", "dialer_contacts", "talk_remarks"),
            ("state", "dialer_contacts", "state"),
        )
    ),
    *(
        ("dialer", {"type": "AgentStatus", "body": {"agentName": "siti"}}, ("body", field), "dialer_agents", column)
        for field, column in (
            ("groupName", "group_name"),
            ("registerState", "register_state"),
            ("callType", "call_type"),
            ("displayTalkResult", "display_talk_result"),
            ("threewayState", "threeway_state"),
        )
    ),
]
BLANKS = [
    *("", " ", " \n", "\u00a0", "\u200b", "\u3164\ufe0f", "null", "NULL", "None", " null ", "{}", "[]"),
    *("nan", "<NA>", "NaT", "#N/A", "#REF!", "#DIV/0!", "%!s(<nil>)", "--None--"),  # of pandas, cells, Go, Salesforce
]


def stored(kind: str, body: Any, table: str, column: str) -> Any:
    """What a push tells of a column; None where it has no such row."""
    found = {TABLE_OF[type(row)].name: row for row in normalise(entry_of(kind, body)).rows}
    return getattr(found[table], column) if table in found else None


@pytest.mark.parametrize(("kind", "body", "place", "table", "column"), BODIES)
def test_blank_says_nothing(kind: str, body: Any, place: tuple[str, ...], table: str, column: str) -> None:
    """None is what leaves the value that an older push told."""
    found = {blank: stored(kind, replaced(body, place, blank), table, column) for blank in BLANKS}

    assert found == dict.fromkeys(BLANKS)
    assert stored(kind, replaced(body, place, "Nan Lo"), table, column) == "Nan Lo"
    assert stored(kind, replaced(body, place, "\u56de\u8bbf"), table, column) == "\u56de\u8bbf"


@pytest.mark.parametrize(
    "text",
    [
        "Null",
        "Nan",
        "NAN",
        "nan.",
        "N/A",
        "#1",
        "# N/A",
        "#ok!",
        "#LUNAS!",
        "#WHY?",
        "-",
        "--",
        "%",
        "nulls",
        " Budi ",
        "a\u200b",
        "0",
        "{a",
        '{"a": 0}',
        "[x]",
        '"x"',
        "\u3042",
        "Ünal",
    ],
)
def test_text_stays_as_it_came(text: str) -> None:
    """Blanks around it too."""
    assert texts.free_text(text) == text


@pytest.mark.parametrize("text", ['{"a": ""}', ' [null, " "] ', "[object Object]", '""', r"\N"])
def test_empty_json_is_no_text(text: str) -> None:
    """As of a form that nobody has filled in."""
    assert texts.free_text(text) is None


def test_word_is_without_blanks() -> None:
    """Lookups have it so, and `--` is one."""
    body = push()
    body["call"] |= {"ring_type": " normal ", "intention": "\u00a0E\n", "hangup_type": "ByCallee\t"}

    call = row_of(normalise(entry(body)), CallRow)

    assert (call.ring_type, call.intention, call.hangup_type) == ("normal", "E", "ByCallee")
    assert texts.word(" -- ") == "--"
    assert texts.word(" " * 50 + "E") == "E"


def test_state_of_a_blank_gives_way() -> None:
    """Of the two names for it."""
    body = contact("HANGUP")
    body["body"] |= {"State": "HANGUP", "state": " "}

    assert stored("dialer", body, "dialer_contacts", "state") == "HANGUP"


@pytest.mark.parametrize("status", [" ", "null", ""])
def test_no_status_is_no_history(status: str) -> None:
    """A change of which nothing is told is no row."""
    told = normalise(entry_of("workflow-status", {"workflow_id": "w1", "status": status, "actions": [{}]}))

    assert not [row for row in told.rows if isinstance(row, WorkflowStatusRow)]


def test_sender_with_blanks_is_that_sender() -> None:
    """Messages of the callee are counted."""
    body = {"wfdetail_uuid": "s1", "messages": [{"sender_type": " user "}, {"sender_type": "chatbot", "msg_id": " "}]}

    session = row_of(normalise(entry_of("chatbot-session-ended", body)), SessionRow)

    assert (session.message_count, session.callee_message_count) == (2, 1)
    assert session.messages == '[{"sender":"user"},{"sender":"chatbot"}]'


@pytest.mark.parametrize(
    "turns",
    [
        [{"time": "00:00:00", "robottext": "", "text": ""}],
        [{"time": "00:00:00", "text": "\u200b"}, {"time": "00:00:09", "robottext": "\u00a0"}],
    ],
)
def test_turns_without_words_are_no_transcript(turns: list[Any]) -> None:
    """An offset alone is no conversation."""
    body = push()
    body["call"]["asr_result"] = turns

    call = row_of(normalise(entry(body)), CallRow)

    assert (call.transcript, call.turn_count, call.callee_turn_count, call.callee_word_count) == (None,) * 4


def test_turn_of_nothing_seen_is_not_the_callees() -> None:
    """Beside others it keeps its place."""
    body = push()
    body["call"]["asr_result"] = [{"robottext": "Halo?"}, {"text": "\u200b"}, {"text": "\u3053"}]

    call = row_of(normalise(entry(body)), CallRow)

    assert (call.turn_count, call.callee_turn_count, call.callee_word_count) == (3, 1, 1)


@pytest.mark.parametrize("content", ["", " ", "null", None, "{}"])
def test_questions_alone_are_no_answers(content: Any) -> None:
    """A form that nobody has filled in; one content is enough."""
    body = push()
    body["callee"]["extra"] = [{"Question": "Paid?", "Content": content}] * 2
    assert row_of(normalise(entry(body)), CaseRow).answers is None

    body["callee"]["extra"][1] = {"Content": "yes"}
    assert '{"content":"yes"}' in (row_of(normalise(entry(body)), CaseRow).answers or "")


def test_what_was_told_stays(database: Database, connection: Rows) -> None:
    """A form and blanks later on."""
    told, blank = push(), push()
    blank["callee"] |= {"callee_name": "\u200b", "comments": "null", "extra": [{"Question": "lang", "Content": ""}]}
    blank["call"] |= {"asr_result": [{"time": "00:00:00", "text": ""}], "slots": "{}"}
    told["callee"]["comments"], told["call"]["slots"] = "called", "a"
    settle(database, [entry(told)])
    settle(database, [entry({**blank, "workflow_name": " ", "node_name": "\u00a0"})])

    (case,), (call,), (callee,) = rows(connection, "cases"), rows(connection, "calls"), rows(connection, "callees")
    assert (case["comments"], case["answers"]) == ("called", [{"question": "lang", "content": "id"}])
    assert (call["turn_count"], call["slots"], callee["name"]) == (2, "a", "Budi")
    assert rows(connection, "workflows")[0]["name"] == "collections"
    assert rows(connection, "nodes")[0]["name"] == "API1"
