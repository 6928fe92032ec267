"""Pushes of the dialler: what they tell field by field, and what no field of theirs may do."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import Connection

from ingest.batch.entry import body_digest
from ingest.batch.push_ids import received_at_of
from ingest.kinds.dialer.payload import DialerPush
from ingest.kinds.dialer.rows import FUTURE
from ingest.kinds.dialer.values import TIMESTAMP
from ingest.kinds.normalise import NOTHING_RECOGNISED, ids_in, normalise
from ingest.kinds.told_at import bits_of, version_at
from ingest.tables.dialer_rows import DialerAgentRow, DialerCallRow, DialerContactRow, DialerTaskRow
from ingest.tables.rows import CalleeRow, CallRow, Normalised
from ops.simulator.pushes import generate
from tests.corpus.documents import fields, replaced, to_json
from tests.dialler import NOON_MS, NUMBER, agent, contact, dialler_entry, said
from tests.odd_pushes import documents
from tests.pushes import ids_of, row_of
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

NOON = datetime(2025, 11, 29, 12, tzinfo=UTC)
COUNTERS: dict[str, Any] = {
    "curDayCallCount": 0,
    "curDayCallDuration": 120,
    "holdDuration": {"auto": 1, "manual": 0},
    "curDayTalkResults": [{"talkResult": "promised", "count": 3}],
    "curDayOnlineDuration": "3600",
    "curDayRestDuration": 60,
    "curWaitingCallCount": 2,
    "groupUnallocatedCall": 5,
    "earliestCallWaitTime": 7,
    "waitingDialNumber": 8,
    "totalNumber": 9,
    "holdTimestamp": 1,
}
FULL = contact(
    "TALKRESULT",
    taskName="overdue",
    groupName="north",
    contactName="Budi",
    address="Jakarta",
    info1="one",
    info2="two",
    info3="three",
    remark="call later",
    mainNumber="0062 812-3456-7891",
    phoneTag="home",
    privateData="mine",
    recLink="https://records.test/c1.mp3",
    talkremarks="was friendly",
    nthCall=2,
    hangupReason=12,
    agentName="rina",
    customerInfo={"Emergency Contact": "+6281399999999", "Note": "None"},
    customizeResults={"Talk Result": "promised", "promise date": "2026-12-01", "empty": ""},
)


def problems(one: Normalised) -> dict[str, str]:
    """A push's warnings by path."""
    return {warning["path"]: warning["problem"] for warning in json.loads(one.push.warnings or "[]")}


def normalised(content: Any) -> Normalised:
    """What a push of the dialler comes to."""
    return normalise(dialler_entry(content))


def test_contact_field_by_field() -> None:
    """What is told of a contact comes to exactly these rows; what all kinds tell of is as new as the push."""
    one = dialler_entry(FULL, "lender-a")
    came, digest = (one.received_at, one.uuid, "lender-a"), body_digest(one.body)
    version = (*version_at(NOON, digest, 5), "lender-a")
    results = (
        '[{"title":"Talk Result","value":"promised"},{"title":"promise date","value":"2026-12-01"},{"title":"empty"}]'
    )

    rows = normalise(one)

    assert (rows.push.status, rows.push.warnings) == ("normalised", None)
    assert (rows.push.task_id, rows.push.callee_number, rows.push.call_id) == ("t1", NUMBER, "c1")
    assert set(rows.rows) == {
        DialerContactRow._make(
            (
                *(*version, NUMBER, "t1", "Budi", "Jakarta", "one", "two", "three", "call later", "+6281234567891"),
                *("home", "mine", '{"Emergency Contact":"+6281399999999","Note":"None"}', results, "TALKRESULT", 12),
                *("was friendly", 2, "https://records.test/c1.mp3", "rina", digest, None),
            )
        ),
        DialerCallRow(
            *(*version, "c1", "t1", NUMBER, "TALKRESULT", 12, "rina", 2, "was friendly"),
            *("https://records.test/c1.mp3", digest),
        ),
        DialerTaskRow(*version, "t1", "overdue", "north", None, digest),
        CalleeRow(*came, NUMBER, NUMBER, "ID", "Budi"),
        CallRow(*came, "c1", "t1", NUMBER),
    }


def test_agent_field_by_field() -> None:
    """An agent's day is one snapshot; their state is not that of the call that they are in."""
    strings = {"registerState": "REGED", "callType": "auto", "talkResultLabel": "l", "displayTalkResult": "d"}
    more = {"isConcealCallee": "1", "threewayState": "none", "groupName": "north", "taskId": "t1"}
    one = dialler_entry(agent("RINGING", 1.5, **strings, **more, **COUNTERS, callid="c1", phoneNumber=NUMBER))
    version = (*version_at(NOON + timedelta(seconds=1.5), body_digest(one.body), 2), "default")

    rows = normalise(one)

    assert rows.push.warnings is None
    told = row_of(rows, DialerAgentRow)
    assert told[: -len(("day_counters", "body_digest", "kept_from"))] == (
        *(*version, "rina", "north", "t1", "RINGING", "REGED", "auto", "l", "d", "1", "none"),
    )
    assert json.loads(told.day_counters or "") == COUNTERS
    call = row_of(rows, DialerCallRow)
    assert (call.callee_number, call.state, call.agent_name) == (NUMBER, None, "rina")
    assert row_of(rows, CallRow)[-len(CallRow._fields) + 8 :] == (None,) * (len(CallRow._fields) - 8)


def test_task_field_by_field() -> None:
    """A task's push names no call and nobody, and is no dead letter."""
    one = dialler_entry(said("TaskStatus", taskId="t1", taskName="overdue", state="Finished", timestamp=NOON_MS))
    digest = body_digest(one.body)

    rows = normalise(one)

    assert (rows.push.status, rows.push.task_id) == ("normalised", "t1")
    assert rows.rows == (
        DialerTaskRow(*version_at(NOON, digest), "default", "t1", "overdue", None, "Finished", digest),
    )


def test_version_is_of_time_and_bytes() -> None:
    """Later is newer; of one millisecond the later state; the same bytes have the same version, whenever they came."""
    states = [row_of(normalised(contact(state)), DialerCallRow) for state in ("CALLING", "HANGUP", "TALKRESULT")]
    later = row_of(normalised(contact("CALLING", 0.001)), DialerCallRow)
    again = row_of(normalised(contact("CALLING")), DialerCallRow)

    ids = [row.push_id for row in (*states, later)]
    assert ids == sorted(ids)
    assert again == states[0]
    assert [received_at_of(row.push_id) for row in states] == [row.received_at for row in states]
    assert str(again.push_id).endswith(bits_of(again.body_digest or b""))


@pytest.mark.parametrize("sent", [NOON_MS, str(NOON_MS), float(NOON_MS), f" {NOON_MS} ", "2025-11-29T12:00:00Z"])
def test_time_may_be_number_or_text(sent: Any) -> None:
    """Milliseconds since the epoch either way: a call's start, in UTC."""
    one = normalised(said("ContactStatus", state="CALLING", callid="c1", timestamp=sent))
    assert row_of(one, CallRow).started_at == NOON


@pytest.mark.parametrize("sent", [None, "", "yesterday", 0, True, {}, [NOON_MS]])
def test_without_a_time_the_pushs_own_counts(sent: Any) -> None:
    """What is no time leaves the version of the push."""
    one = dialler_entry(said("ContactStatus", state="HANGUP", callid="c1", timestamp=sent))

    rows = normalise(one)

    assert row_of(rows, DialerCallRow)[:2] == (one.received_at, one.uuid)
    assert row_of(rows, CallRow).ended_at is None
    assert problems(rows).keys() - {"$.body.phoneNumber"} == (set() if sent in (None, "") else {"$.body.timestamp"})


@pytest.mark.parametrize(("minutes", "is_believed"), [(59, True), (61, False), (60 * 24 * 365, False)])
def test_future_is_no_time(minutes: int, is_believed: bool) -> None:
    """A row would be newer for ever than all that is told later: over an hour ahead of the push it is warned of."""
    milliseconds = dialler_entry({}).received_us // 1000 + minutes * 60_000
    one = dialler_entry(contact("CALLING", timestamp=milliseconds))

    rows = normalise(one)

    assert (row_of(rows, DialerCallRow).push_id != one.uuid) == is_believed
    assert (row_of(rows, CallRow).started_at is not None) == is_believed
    assert problems(rows) == ({} if is_believed else {TIMESTAMP: FUTURE})


@pytest.mark.parametrize("state", ["CALLING", "calling", "Calling"])
def test_case_of_a_state_is_no_matter(database: Database, connection: Rows, state: str) -> None:
    """A call's start is told by it in whatever case, and analysts see it as it came."""
    settle(database, [dialler_entry(contact(state, callid=None)), dialler_entry(contact(state))])

    (call,) = connection.execute("SELECT started_at FROM airudder.calls").fetchall()
    assert call == {"started_at": NOON}
    for view in ("dialer_calls", "dialer_contacts"):
        assert connection.execute(f"SELECT state FROM airudder_analytics.{view}".encode()).fetchall() == [
            {"state": state}
        ]


def test_end_in_another_case() -> None:
    """A hangup is one, and of one millisecond newer than the ringing."""
    ringing, hangup = (normalised(contact(state)) for state in ("Ringing", "HangUp"))
    assert row_of(hangup, CallRow).ended_at == NOON
    assert row_of(ringing, DialerCallRow).push_id < row_of(hangup, DialerCallRow).push_id


@pytest.mark.parametrize("name", ["state", "State"])
def test_state_by_either_name(name: str) -> None:
    """The vendor capitalises it in the pushes of agents."""
    assert row_of(normalised(said("AgentStatus", agentName="rina", **{name: "RINGING"})), DialerAgentRow).state
    assert row_of(normalised(said("ContactStatus", callid="c", **{name: "RINGING"})), DialerCallRow).state


@pytest.mark.parametrize(
    ("sent", "stored"), [(0, 0), ("0", 0), (12, 12), (10, 10), (999, 999), (None, None), ("", None)]
)
def test_hangup_reason_zero_is_a_value(database: Database, connection: Rows, sent: Any, stored: int | None) -> None:
    """0 is not lost, and a reason that nobody has heard of fails no push."""
    settle(database, [dialler_entry(contact("HANGUP", hangupReason=sent))])

    for table in ("dialer_contacts", "dialer_calls"):
        found = connection.execute(f"SELECT status, hangup_reason FROM airudder.{table}, airudder.pushes").fetchall()
        assert found == [{"status": "normalised", "hangup_reason": stored}]


def test_reasons_are_looked_up(connection: Rows) -> None:
    """Every documented reason has a meaning; 10 and 11 are unlisted."""
    found = connection.execute("SELECT reason FROM airudder.dialer_hangup_reasons").fetchall()
    assert {row["reason"] for row in found} == set(range(21)) - {10, 11}


def test_end_without_a_start() -> None:
    """A HANGUP whose CALLING never came is a call with an end."""
    call = row_of(normalised(contact("HANGUP", 30)), CallRow)
    assert (call.started_at, call.ended_at) == (None, NOON + timedelta(seconds=30))


RESULTS: dict[str, tuple[Any, list[dict[str, Any]] | None]] = {
    "object": ({"A b": "x", "c": 0}, [{"title": "A b", "value": "x"}, {"title": "c", "value": 0}]),
    "array": (
        [{"title": "A b", "groupName": "g", "value": "x"}, {"title": "c", "groupName": "", "value": None}],
        [{"title": "A b", "group": "g", "value": "x"}, {"title": "c"}],
    ),
    "object as text": ('{"a": "x"}', [{"title": "a", "value": "x"}]),
    "array as text": ('[{"title": "a", "value": 1}]', [{"title": "a", "value": 1}]),
    "empty object": ({}, None),
    "empty array": ([], None),
    "empty text": ("", None),
    "null": (None, None),
}


@pytest.mark.parametrize(("sent", "stored"), RESULTS.values(), ids=RESULTS)
def test_results_have_one_form(sent: Any, stored: Any) -> None:
    """An object by title and an array come to the same."""
    rows = normalised(contact("TALKRESULT", customizeResults=sent))

    assert json.loads(row_of(rows, DialerContactRow).customize_results or "null") == stored
    assert rows.push.warnings is None


@pytest.mark.parametrize("sent", ["done", 5, True, [5], [None]])
def test_other_results_are_warned_of(sent: Any) -> None:
    """What is neither leaves a warning without its value."""
    assert [path[:23] for path in problems(normalised(contact("TALKRESULT", customizeResults=sent)))] == [
        "$.body.customizeResults"
    ]


def test_results_as_rows(database: Database, connection: Rows) -> None:
    """The view shows a row a result."""
    settle(database, [dialler_entry(FULL)])
    found = connection.execute("SELECT title, group_name, value FROM airudder.dialer_results ORDER BY position")
    assert [tuple(row.values()) for row in found] == [
        ("Talk Result", None, "promised"),
        ("promise date", None, "2026-12-01"),
        ("empty", None, None),
    ]


@pytest.mark.parametrize("body", ["", {}, None, []])
def test_agents_push_may_be_empty(body: Any) -> None:
    """The vendor sends such pushes: nothing is told, and nothing is lost."""
    one = normalised({"type": "AgentStatus", "body": body})
    assert (one.push.status, one.rows) == ("normalised", ())


@pytest.mark.parametrize("body", [{"State": "RINGING", **COUNTERS}, {"unknown": 1}, {"agentName": {"a": 1}}])
def test_agent_without_a_name_is_kept(body: dict[str, Any]) -> None:
    """No dead letter: whose counters these are is not said, so they are nobody's row, and stay in the raw push."""
    one = normalised({"type": "AgentStatus", "body": body})

    assert (one.push.status, one.push.error, one.rows) == ("normalised", None, ())
    assert ("$.body.agentName" in problems(one)) == (body != {"unknown": 1})


@pytest.mark.parametrize("kind", ["TaskStatus", "ContactStatus", "NewStatus", None])
@pytest.mark.parametrize("body", ["", {}, [], [{"callid": "c1"}] * 2, {"unknown": 1}, {"taskName": "no id"}])
def test_others_without_anything_known_are_dead(kind: str | None, body: Any) -> None:
    """They can be replayed when it is known what they say."""
    one = normalised({"type": kind, "body": body})
    assert (one.push.status, one.push.error, one.rows) == ("dead", NOTHING_RECOGNISED, ())


@pytest.mark.parametrize("kind", ["ContactStatus", "AgentStatus", "TaskStatus"])
def test_type_in_any_case(kind: str) -> None:
    """What a push tells does not hang on how its type is capitalised."""
    as_documented, otherwise = (normalised({**FULL, "type": one}) for one in (kind, f" {kind.lower()} "))
    assert [type(row) for row in otherwise.rows] == [type(row) for row in as_documented.rows]
    assert problems(otherwise) == problems(as_documented)


def test_unknown_type_is_stored_as_far_as_known() -> None:
    """A type of tomorrow: the call and the callee, with a warning."""
    one = normalised({**FULL, "type": "RecordStatus"})
    assert {type(row) for row in one.rows} == {CalleeRow, CallRow, DialerCallRow, DialerTaskRow}
    assert problems(one) == {"$.type": "not a type that is documented: only the call and the callee are stored"}


def test_absent_and_null_are_alike() -> None:
    """A null, an empty text and a field that is not there say nothing."""
    known = ("callid", "phoneNumber", "taskId", "timestamp", "state")
    silent = {name: value for name, value in FULL["body"].items() if name in known}
    for nothing in (None, ""):
        body = {name: value if name in known else nothing for name, value in FULL["body"].items()}
        one, other = normalised({**FULL, "body": body}), normalised({**FULL, "body": silent})
        assert one.push.warnings is None
        # Version and digest are of the bytes.
        assert [row[2:-2] for row in one.rows] == [row[2:-2] for row in other.rows]


@pytest.mark.parametrize("number", ["6281234567890", "+62 812-3456-7890", 6281234567890, "006281234567890"])
def test_numbers_meet(number: Any) -> None:
    """However a number is written, the contact, the callee and the push have it in E.164."""
    one = normalised(contact("CALLING", phoneNumber=number, mainNumber=number))
    told = row_of(one, DialerContactRow)
    assert {told.callee_number, told.main_number, row_of(one, CalleeRow).callee_number, one.push.callee_number} == {
        NUMBER
    }


@pytest.mark.parametrize("name", ["phoneNumber", "taskId", "callid"])
def test_number_that_lost_digits_is_nobodys(name: str) -> None:
    """6.28123E+12 may be anybody's."""
    body = to_json(contact("CALLING", **{name: 0})).replace(f'"{name}": 0'.encode(), f'"{name}": 6.28123E+12'.encode())
    assert f"$.body.{name}" in problems(normalised(body))
    assert ids_in("dialer", body) == ids_of(normalised(body).push)


ODD: list[Any] = [None, True, 0, -1.5, 10**30, "", "x" * 5000, "\0\ud800", [], [{}], {"a": [1]}, '{"a": 1}']


def test_every_field_may_hold_anything(database: Database, connection: Rows) -> None:
    """Each field with each odd value comes to an outcome, of each type, in one batch."""
    full = [FULL, agent("RINGING", taskId="t1", **COUNTERS), said("TaskStatus", taskId="t1", state="Finished")]
    places = [field.steps for field in fields(DialerPush)]
    bodies = [to_json(replaced(one, steps, value)) for one in full for steps in places for value in ODD]

    settle(database, [dialler_entry(body) for body in bodies])

    found = connection.execute("SELECT count(*) FROM airudder.pushes WHERE status <> 'pending'").fetchone()
    assert found == {"count": len(bodies)}


@given(st.data())
def test_any_push_comes_to_an_outcome(data: st.DataObject) -> None:
    """Any object in its struct's image is normalised or dead, and comes to the same rows each time."""
    one = dialler_entry(to_json(data.draw(documents(DialerPush))))
    assert normalise(one) == normalise(one)


def test_simulated_pushes_are_as_documented() -> None:
    """All three types, normalised without a warning."""
    pushes = list(generate(seed=1, count=500, kinds={"dialer": 1}))
    for push in pushes:
        one = normalised(push.body)
        assert (one.push.status, one.push.warnings) == ("normalised", None)
    assert {json.loads(push.body)["type"] for push in pushes} == {"TaskStatus", "ContactStatus", "AgentStatus"}


@pytest.mark.parametrize("inner", ['{"a": "x\\u0000y"}', '{"a": "x\\ud83d"}', '["\\u0000"]'])
def test_results_in_a_string_are_cleaned(database: Database, connection: Rows, inner: str) -> None:
    """What Postgres cannot store is taken out of a string of JSON, too."""
    content = {"type": "ContactStatus", "body": {"phoneNumber": "+6281234567801", "customizeResults": inner}}

    settle(database, [dialler_entry(content)])

    assert connection.execute("SELECT status FROM airudder.pushes").fetchall() == [{"status": "normalised"}]
