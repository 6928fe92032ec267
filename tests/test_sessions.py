"""Chatbot sessions and quality reports, from the vendor's push to their tables, and erased."""

from __future__ import annotations

import itertools
import json
import random
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from psycopg import Connection

from ingest.kinds import kind_of
from ingest.kinds.normalise import normalise
from ingest.tables.rows import CalleeRow, CallRow, QaReportRow, SessionRow, WorkflowRow
from ops.simulator.pushes import generate
from tests.clock import Clock
from tests.processes import ingest
from tests.pushes import entry, push, received_at, row_of
from tests.stored import rows, settled_in
from workers.database import Database
from workers.settle import settle
from workers.sweeper.old_transcripts import OldTranscripts

Rows = Connection[dict[str, Any]]

SESSION, REPORT = "chatbot-session-ended", "qa-report"
NUMBER, OTHER = "+6281234567801", "+6281234567802"


def of(kind: str, content: Any) -> Any:
    """What web makes of a push of such a kind."""
    return msgspec.structs.replace(entry(content), kind=kind)


def session(**changes: Any) -> dict[str, Any]:
    """A session as documented."""
    return {
        "workflow_id": "w1",
        "workflow_name": "collections",
        "nodetask_id": "n1",
        "nodetask_name": "chat",
        "waba_task_id": "t1",
        "wfdetail_uuid": "s1",
        "timestamp": 1766998925,
        "channel": "WhatsApp",
        "channel_id": "628111000111",
        "callee": NUMBER,
        "call_id": "c1",
        "robot_id": "r1",
        "status": "closed",
        "session_start_time": "2025-12-29T09:01:52Z",
        "session_end_time": "2025-12-29T09:02:05Z",
        "session_end_reason": "robot",
        "intention": "E",
        "talk_round": 2,
        "ner_slots": {"date": "tomorrow"},
        "event_label": {"promise": 1},
        "variables": {"var1": "x"},
        "messages": [
            {
                "msg_id": "m2",
                "sender_type": "user",
                "timestamp": 1766998920,
                "status": "read",
                "content": {"type": "text", "text": "iya"},
                "reply": {
                    "msg_id": "m1",
                    "sender_type": "chatbot",
                    "timestamp": 1766998912,
                    "content": {"text": "bayar?"},
                },
            },
            {"msg_id": "m1", "sender_type": "chatbot", "timestamp": 1766998912, "content": {"type": "template"}},
        ],
        **changes,
    }


def test_session_field_by_field() -> None:
    """A session as documented comes to these rows, its messages in the order in which they came."""
    one = of(SESSION, session())
    version = (one.received_at, one.uuid)

    rows = normalise(one)

    assert (rows.push.status, rows.push.warnings) == ("normalised", None)
    assert (rows.push.workflow_id, rows.push.task_id, rows.push.callee_number, rows.push.call_id) == (
        *("w1", "t1", NUMBER, "c1"),
    )
    assert row_of(rows, WorkflowRow) == WorkflowRow(*version, "default", "w1", "collections")
    assert row_of(rows, CalleeRow) == CalleeRow(*version, "default", NUMBER, NUMBER, "ID")
    assert row_of(rows, CallRow) == CallRow(*version, "default", "c1", callee_number=NUMBER, workflow_id="w1")
    told = row_of(rows, SessionRow)
    assert told[2:19] == (
        *("default", "s1", "w1", "n1", "chat", "t1", NUMBER, "c1", "r1", "WhatsApp", "628111000111", "closed"),
        *(datetime(2025, 12, 29, 9, 1, 52, tzinfo=UTC), datetime(2025, 12, 29, 9, 2, 5, tzinfo=UTC)),
        *("robot", "E", 2),
    )
    assert (told.slots, told.labels, told.variables) == ('{"date":"tomorrow"}', '{"promise":1}', '{"var1":"x"}')
    assert (told.message_count, told.callee_message_count) == (2, 1)
    assert json.loads(told.messages or "") == [
        {
            "id": "m2",
            "sender": "user",
            "at": "2025-12-29T09:02:00+00:00",
            "status": "read",
            "content": {"type": "text", "text": "iya"},
            "reply": {
                "id": "m1",
                "sender": "chatbot",
                "at": "2025-12-29T09:01:52+00:00",
                "content": {"text": "bayar?"},
            },
        },
        {"id": "m1", "sender": "chatbot", "at": "2025-12-29T09:01:52+00:00", "content": {"type": "template"}},
    ]


@pytest.mark.parametrize("sent", [1766998920, "1766998920", 1766998920.0, "2025-12-29T09:02:00Z", 1766998920000])
def test_time_of_a_message_in_any_form(sent: Any) -> None:
    """As a number, a text, in other units, or as the session's own times."""
    one = normalise(of(SESSION, session(messages=[{"msg_id": "m1", "timestamp": sent}])))

    assert json.loads(row_of(one, SessionRow).messages or "")[0]["at"] == "2025-12-29T09:02:00+00:00"
    assert one.push.warnings is None


ODD: dict[str, tuple[dict[str, Any], set[str]]] = {
    "all null": (dict.fromkeys(session()) | {"wfdetail_uuid": "s1", "call_id": "c1"}, set()),
    "all empty": (dict.fromkeys(session(), "") | {"wfdetail_uuid": "s1", "call_id": "c1"}, set()),
    "times as texts": (session(timestamp="1766998925", talk_round="2"), set()),
    "messages in a string": (session(messages=json.dumps(session()["messages"])), set()),
    "no session id": (session(wfdetail_uuid=None), {"$.wfdetail_uuid"}),
    "a time that is none": (session(session_end_time="later"), {"$.session_end_time"}),
    "an end before the start": (session(session_end_time="2025-12-29T09:01:51Z"), {"$.session_end_time"}),
    "an end that stands for none": (session(session_end_time="2026-12-29T09:01:52Z"), {"$.session_end_time"}),
    "an end after weeks": (session(session_end_time="2026-01-24T09:01:52Z"), set()),
    "messages of another type": (session(messages={"a": 1}), {"$.messages"}),
    "a message of another type": (
        session(messages=["hello", {"content": "text"}]),
        {"$.messages[0]", "$.messages[1].content"},
    ),
}


@pytest.mark.parametrize(("content", "warned"), ODD.values(), ids=ODD.keys())
def test_odd_session_is_kept(content: dict[str, Any], warned: set[str], database: Database, connection: Rows) -> None:
    """What fits is stored, and what does not is warned of."""
    settle(database, [of(SESSION, content)])

    (stored,) = connection.execute("SELECT status, warnings FROM airudder.pushes").fetchall()
    assert stored["status"] == "normalised"
    assert {warning["path"] for warning in stored["warnings"] or []} == warned


def test_messages_are_rows_of_a_view(database: Database, connection: Rows) -> None:
    """As they came, with their times."""
    settle(database, [of(SESSION, session())])

    found = connection.execute("SELECT * FROM airudder.session_messages ORDER BY position").fetchall()
    assert [(row["message_id"], row["sender"], row["sent_at"]) for row in found] == [
        ("m2", "user", datetime(2025, 12, 29, 9, 2, 0, tzinfo=UTC)),
        ("m1", "chatbot", datetime(2025, 12, 29, 9, 1, 52, tzinfo=UTC)),
    ]
    assert found[0]["reply"]["content"] == {"text": "bayar?"}


def test_kinds_in_every_order_end_alike(database: Database, connection: Rows) -> None:
    """Two nodes' pushes of a call, a session about it, and a retry: whatever comes first, the rows are the same."""
    with_case = push(call_id="c1", number=NUMBER, workflow_name="older")
    silent = {"workflow_id": "w1", "node_id": "n2", "call": {"call_id": "c1", "intention": "B"}}
    chat = session(workflow_name="newer")
    deliveries = [entry(with_case), of(SESSION, chat), entry(silent), entry(with_case), of(SESSION, chat)]
    expected = settled_in(range(5), deliveries, database, connection)
    orders = list(itertools.permutations(range(5)))

    for order in random.Random(1).sample(orders, 40):
        assert settled_in(order, deliveries, database, connection) == expected


def test_session_of_a_person_is_erased(client: Any, environment: None, database: Database, connection: Rows) -> None:
    """Its words go, its statistics stay; somebody else's stays whole."""
    settle(database, [of(SESSION, session()), of(SESSION, session(wfdetail_uuid="s2", callee=OTHER, call_id="c2"))])
    exported = json.loads(ingest("export", "--callee-number", NUMBER).stdout)
    assert [one["session_id"] for one in exported["sessions"]] == ["s1"]

    assert ingest("erase", "--callee-number", NUMBER).returncode == 0

    erased, other = connection.execute("SELECT * FROM airudder.sessions ORDER BY session_id").fetchall()
    left = {name for name, value in erased.items() if value is not None}
    assert left & {"callee_number", "channel_id", "slots", "labels", "variables", "messages"} == set()
    assert (erased["message_count"], erased["intention"], erased["status"]) == (2, "E", "closed")
    assert (other["callee_number"], len(other["messages"])) == (OTHER, 2)


def test_session_of_their_call_is_erased(environment: None, client: Any, database: Database, connection: Rows) -> None:
    """A session that names nobody is theirs by its call, however many pushes there are about other calls of theirs."""
    for number in range(3):
        settle(database, [entry(push("c1", NUMBER, serial=number))])
    settle(database, [entry(push("c2", NUMBER)), of(SESSION, session(callee=None, call_id="c2"))])
    assert len(json.loads(ingest("export", "--callee-number", NUMBER).stdout)["sessions"]) == 1

    assert ingest("erase", "--callee-number", NUMBER).returncode == 0

    assert connection.execute("SELECT messages, variables FROM airudder.sessions").fetchall() == [
        {"messages": None, "variables": None}
    ]


def test_session_of_a_push_that_mentions_them_is_erased(
    environment: None, client: Any, database: Database, connection: Rows
) -> None:
    """A push that names nobody and mentions a person is theirs, and so is what it alone has told."""
    settle(database, [of(SESSION, session(callee="", call_id=None, variables={"phone": NUMBER}))])

    assert ingest("erase", "--callee-number", NUMBER).returncode == 0

    assert connection.execute("SELECT messages, variables FROM airudder.sessions").fetchall() == [
        {"messages": None, "variables": None}
    ]


def test_words_of_a_session_that_changed_hands_are_erased(
    client: Any, environment: None, database: Database, connection: Rows
) -> None:
    """A later push says that the session was with somebody else, and is silent about the rest: what was said with the
    first person goes with them, and what the later push has told stays."""
    silent = dict.fromkeys(("messages", "ner_slots", "event_label", "variables", "channel_id", "talk_round"))
    settle(
        database, [of(SESSION, session()), of(SESSION, session(callee=OTHER, status="moved", call_id=None, **silent))]
    )

    assert ingest("erase", "--callee-number", NUMBER).returncode == 0

    (row,) = rows(connection, "sessions")
    erased = ("messages", "slots", "labels", "variables", "channel_id")
    assert {name: row[name] for name in erased} == dict.fromkeys(erased)
    assert (row["callee_number"], row["status"], row["message_count"]) == (OTHER, "moved", 2)
    assert ingest("erase", "--callee-number", NUMBER).returncode == 1


def test_sessions_without_a_workflow_end_alike_in_every_order(database: Database, connection: Rows) -> None:
    """What another push told of a session between a push and its retry is found without any id of the workflow's."""
    first, between = session(status="closed"), {"wfdetail_uuid": "s1", "callee": NUMBER, "status": "changed"}
    deliveries = [of(SESSION, first), of(SESSION, between), of(SESSION, first)]
    expected = settled_in(range(3), deliveries, database, connection)

    for order in itertools.permutations(range(3)):
        assert settled_in(order, deliveries, database, connection) == expected


def test_report_without_details_is_no_newer_one(database: Database, connection: Rows) -> None:
    """It would be the row's newest push, and the person's that told of the details would no longer lead to them."""
    settle(database, [of(REPORT, {"TaskID": "t1", "QADetail": [{"Length": 1}]})])
    settle(database, [of(REPORT, {"TaskID": "t1"})])

    assert connection.execute("SELECT detail_count FROM airudder.qa_reports").fetchall() == [{"detail_count": 1}]


def test_numbers_in_messages_stay_numbers() -> None:
    """To the last digit."""
    one = of(SESSION, b'{"wfdetail_uuid": "s1", "messages": [{"content": {"a": 1234567890.12345678901}}]}')

    assert '"a":1234567890.12345678901' in (row_of(normalise(one), SessionRow).messages or "")


def test_report_is_kept_as_it_comes(database: Database, connection: Rows) -> None:
    """A repeated report is the newest one; its details are the vendor's own."""
    first, second = ([{"Length": length, "Words": "3", "Scores": list[Any]()}] for length in (1, "2"))
    settle(database, [of(REPORT, {"TaskID": "t1", "Sign": "x", "QADetail": first})])
    settle(database, [of(REPORT, {"TaskID": "t1", "Sign": "x", "QADetail": second * 2})])

    (stored,) = connection.execute("SELECT details, detail_count FROM airudder.qa_reports").fetchall()
    assert stored == {"details": second * 2, "detail_count": 2}


@pytest.mark.parametrize("kind", [SESSION, REPORT])
def test_simulated_pushes_are_as_documented(kind: str) -> None:
    """None is warned of, and each comes to its row."""
    row = {SESSION: SessionRow, REPORT: QaReportRow}[kind]
    for one in generate(seed=3, count=50, kinds={kind: 1}):
        rows = normalise(of(kind, one.body))
        assert (rows.push.status, rows.push.warnings) == ("normalised", None)
        assert row_of(rows, row)
    assert kind_of(kind).name == kind


def test_words_go_when_they_are_old(database: Database, connection: Rows) -> None:
    """Messages of old sessions, by their start, and old reports, by their arrival: how many there were stays."""
    old_us = -31 * 24 * 3600 * 1_000_000
    for name, came in (("old", old_us), ("young", 0)):
        one = of(REPORT, {"TaskID": name, "QADetail": [{"AsrResults": [{"Channel": "1", "Sentence": "hello"}]}]})
        settle(database, [received_at(one, one.received_us + came)])
    started = {"old": "2025-12-29T09:01:52Z", "young": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    settle(database, [of(SESSION, session(wfdetail_uuid=name, session_start_time=at)) for name, at in started.items()])

    OldTranscripts(database, Clock(), 30).run_once()

    for table, key, lists, count in (
        ("sessions", "session_id", "messages", "message_count"),
        ("qa_reports", "task_id", "details", "detail_count"),
    ):
        found = {row[key]: (row[lists] is None, bool(row[count])) for row in rows(connection, table)}
        assert found == {"old": (True, True), "young": (False, True)}
