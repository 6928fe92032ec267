"""Words that stand where an id is missing: whoever has none would have the same, so they are nobody's."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ingest.kinds.kind import Ids
from ingest.kinds.normalise import ids_in, normalise
from ingest.kinds.reading import values
from ingest.kinds.reading.values import NO_ID
from ingest.kinds.reading.warn import Warnings
from ingest.tables.dialer_rows import DialerAgentRow
from ingest.tables.rows import CallRow
from tests.of_kind import entry_of
from tests.pushes import push

NO_IDS = [
    *("null", "NULL", "None", "nil", "undefined", "NaN", "(null)", "<nil>", " null ", "N/A", "#N/A", "#REF!", "#NAME?"),
    *("#ERROR!", "#SPILL!", "#DIV/0!", "<NA>", "NaT", "nan", "--None--", "%!s(<nil>)"),
    *("-1", "[]", "{}", '""', "''", "[object Object]", r"\N", "%s", "%d", "%(call_id)s"),
    *("{{call_id}}", "{{ call.id }}", "${call_id}", "${{ id }}", "{call_id}", "{call-id}", "{callId1}"),
    *("$call_id", "-1.0", "\u22121"),
    *("0", "0.0", "000", "-", "--", "_", "\u2013", "0" * 32, "00000000-0000-0000-0000-000000000000"),
]
IDS = [
    "nu",
    "nullable",
    "null1",
    "n/a-7",
    "7",
    "00000000000000000000000000000001",
    "10",
    "0x0",
    "A-0",
    "NA",
    ".",
    "..",
    "-2",
    "1-1",
    "{3f2504e0-4f89-11d3-9a0c-0305e82c3301}",
    "{3F2504E04F8911D39A0C0305E82C3301}",
    "{c1}",
    "{case-1001}",
    "$A1001",
    "[1]",
    "a{b}",
    "%",
    "unknown",
    "N",
    "1.0",
    "NAT",
    "#12!",
    "#LUNAS!",
    "#A1",
    "A!",
]
NUMBER = "+6281234567801"

BY_KIND: dict[str, Any] = {
    "custom-api": {"workflow_id": "null", "node_id": "0", "callee": {"callee_number": NUMBER, "case_id": "N/A"}}
    | {"call": {"call_id": "None", "task_id": 0}},
    "chatbot-session-ended": {"wfdetail_uuid": "null", "waba_task_id": "0", "callee": NUMBER, "call_id": "--"},
    "dialer": {"type": "ContactStatus", "body": {"phoneNumber": NUMBER, "callid": "null", "taskId": "undefined"}},
    "call-completed": {"Mobile": NUMBER, "TaskID": "null", "CallId": "0", "case_id": "#N/A"},
    "list-completed": {"callee_number": NUMBER, "workflow_id": "none", "case_id": "nil"},
    "call-ended": {"callee": NUMBER, "call_id": "null", "data": {"task_id": 0}},
}


@pytest.mark.parametrize("text", NO_IDS)
def test_word_for_nothing_is_no_id(text: str) -> None:
    """It is warned of."""
    warnings = Warnings(frozenset())
    assert values.identifier(text, "$.call.call_id", warnings) is None
    assert NO_ID in str(warnings.as_json())


@pytest.mark.parametrize("text", IDS)
def test_what_looks_like_one_is_an_id(text: str) -> None:
    """Short ids, and those that a word for nothing is a part of."""
    assert values.identifier(text, "$.call.call_id", Warnings(frozenset())) == text


@pytest.mark.parametrize("kind", BY_KIND)
def test_no_kind_takes_one_for_an_id(kind: str) -> None:
    """What is said of a person stays; rows of what has no id there are none."""
    one = entry_of(kind, BY_KIND[kind])

    found = normalise(one)

    assert ids_in(kind, one.body) == Ids(callee_number=NUMBER)
    assert found.push.status == "normalised"
    keys = [value for row in found.rows for value in row if isinstance(value, str)]
    assert not {"null", "None", "none", "nil", "0", "N/A", "#N/A", "--", "undefined"} & set(keys)


@pytest.mark.parametrize("word", ["null", "NULL", "None", "undefined", " nil ", "  ", "\n" * 100])
def test_word_for_nothing_is_no_value(word: str) -> None:
    """How the line was, who hung up, what was meant and promised: words of the vendor's, of which this is none."""
    body = push()
    body["call"] |= dict.fromkeys(("ring_type", "hangup_type", "intention", "asr_ptp"), word)

    (call,) = (row for row in normalise(entry_of("custom-api", body)).rows if isinstance(row, CallRow))

    assert (call.ring_type, call.hangup_type, call.intention, call.asr_ptp) == (None,) * 4


@pytest.mark.parametrize(
    ("name", "stored"),
    [("Nan", "Nan"), ("Nil", "Nil"), ("null", None), ("None", None), ("nan", None), ("#N/A", None), ("", None)],
)
def test_people_are_called_nan(name: str, stored: str | None) -> None:
    """An agent's name is no id: only the letters that a program prints are none."""
    body = {"type": "AgentStatus", "body": {"State": "READY", "agentName": name, "taskId": "t1"}}

    agents = [row.agent_name for row in normalise(entry_of("dialer", body)).rows if isinstance(row, DialerAgentRow)]

    assert agents == ([stored] if stored else [])


def test_dash_is_an_intention() -> None:
    """As the vendor documents."""
    body = push()
    body["call"]["intention"] = "--"

    (call,) = (row for row in normalise(entry_of("custom-api", body)).rows if isinstance(row, CallRow))

    assert call.intention == "--"
    assert msgspec.json.decode(normalise(entry_of("custom-api", body)).push.warnings or "null") is None
