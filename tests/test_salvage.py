"""Salvaging pushes that are not as documented."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from ingest.kinds.custom_api.payload import Answer, Call, Callee, CustomApiPush, Turn
from ingest.kinds.normalise import normalise
from ingest.kinds.reading.clean import MAX_DEPTH
from ingest.kinds.reading.identifiers import DIGITS_LOST
from ingest.kinds.reading.salvage import salvage
from ingest.kinds.reading.warn import Warnings
from tests.of_kind import entry_of
from tests.pushes import DOCUMENTED


def salvaged(value: dict[str, Any]) -> tuple[CustomApiPush, dict[str, str]]:
    """The push, and its warnings by path."""
    warnings = Warnings(DOCUMENTED)
    push = salvage(CustomApiPush, value, "$", warnings)
    noted = msgspec.json.decode(warnings.as_json() or "[]")
    return push, {warning["path"]: warning["problem"] for warning in noted}


KEPT: dict[str, tuple[dict[str, Any], CustomApiPush]] = {
    "number as text": ({"call": {"call_times": "2"}}, CustomApiPush(call=Call(call_times=2))),
    "whole float": ({"call": {"call_times": 2.0}}, CustomApiPush(call=Call(call_times=2))),
    "text as number": ({"workflow_id": 17}, CustomApiPush(workflow_id="17")),
    "text as float": ({"workflow_id": 1.5}, CustomApiPush(workflow_id="1.5")),
    "text as whole float": ({"workflow_id": 6281234567890.0}, CustomApiPush(workflow_id="6281234567890")),
    "text as large float": ({"workflow_id": 1e16}, CustomApiPush(workflow_id="10000000000000000")),
    "text as small float": ({"workflow_id": 0.00001}, CustomApiPush(workflow_id="0.00001")),
    "text as rounded float": ({"workflow_id": 1e23}, CustomApiPush(workflow_id="100000000000000000000000")),
    "text as long fraction": (
        {"workflow_id": Decimal("12345678901234567.890")},
        CustomApiPush(workflow_id="12345678901234567.890"),
    ),
    "text as long whole number": (
        {"workflow_id": Decimal("12345678901234567.0")},
        CustomApiPush(workflow_id="12345678901234567"),
    ),
    "number with a point as text": ({"call": {"call_times": "2.0"}}, CustomApiPush(call=Call(call_times=2))),
    "number with an exponent": ({"call": {"call_times": Decimal("1E+2")}}, CustomApiPush(call=Call(call_times=100))),
    "amount with an exponent": (
        {"callee": {"borrowed_amount": Decimal("2.0E+7")}},
        CustomApiPush(callee=Callee(borrowed_amount="20000000")),
    ),
    "object in a string": ({"call": '{"call_times": "2"}'}, CustomApiPush(call=Call(call_times=2))),
    "free object in a string": (
        {"custom_attribute": '{"a": {"b": 1}}'},
        CustomApiPush(custom_attribute={"a": {"b": 1}}),
    ),
    "encoded twice": ({"custom_attribute": '"{\\"a\\": 1}"'}, CustomApiPush(custom_attribute={"a": 1})),
    "array in a string": (
        {"call": {"asr_result": '[{"text": "halo"}, "{\\"text\\": \\"ya\\"}"]'}},
        CustomApiPush(call=Call(asr_result=[Turn(text="halo"), Turn(text="ya")])),
    ),
    "string in a string": (
        {"callee": '{"extra": "[{\\"Content\\": 5}]"}'},
        CustomApiPush(callee=Callee(extra=[Answer(content="5")])),
    ),
    "JSON in a text": ({"workflow_name": '{"a": 1}'}, CustomApiPush(workflow_name='{"a": 1}')),
    "null": ({"call": None}, CustomApiPush()),
    "empty text for an object": ({"custom_attribute": "", "callee": ""}, CustomApiPush()),
    "untyped": ({"call": {"intention": ["E", 1]}}, CustomApiPush(call=Call(intention=["E", 1]))),
    "unknown field": ({"new": 1, "workflow_id": "w"}, CustomApiPush(workflow_id="w")),
}


@pytest.mark.parametrize(("value", "expected"), KEPT.values(), ids=KEPT.keys())
def test_lossless_is_silent(value: dict[str, Any], expected: CustomApiPush) -> None:
    """What loses nothing by conversion is converted, without a warning."""
    assert salvaged(value) == (expected, {})


LOST: dict[str, tuple[dict[str, Any], CustomApiPush, dict[str, str]]] = {
    "boolean for text": ({"workflow_id": True}, CustomApiPush(), {"$.workflow_id": "text is expected, not bool"}),
    "object for text": ({"node_id": {"x": 1}}, CustomApiPush(), {"$.node_id": "text is expected, not dict"}),
    "text for object": ({"callee": "?"}, CustomApiPush(), {"$.callee": "an object is expected, not str"}),
    "no JSON for object": ({"callee": "{budi}"}, CustomApiPush(), {"$.callee": "an object is expected, not str"}),
    "array in a string for object": (
        {"callee": "[1]"},
        CustomApiPush(),
        {"$.callee": "an object is expected, not str"},
    ),
    "bad fields in a string": (
        {"call": '{"slots": "a\\u0000", "intention": 1e400, "task_id": true}'},
        CustomApiPush(call=Call(slots="a")),
        {
            "$.call.slots": "characters that cannot be stored were removed",
            "$.call.intention": "a number beyond what can be stored",
            "$.call.task_id": "text is expected, not bool",
        },
    ),
    "id whose digits were lost": (
        {"callee": {"case_id": Decimal("1.23457E+15"), "callee_number": Decimal("6.28123E+12")}},
        CustomApiPush(callee=Callee()),
        {"$.callee.case_id": DIGITS_LOST, "$.callee.callee_number": DIGITS_LOST},
    ),
    "number that ends in a zero, which Go and Java leave out": (
        {"callee": {"case_id": Decimal("6.28123456781E12"), "callee_number": Decimal("6.28123456781E12")}},
        CustomApiPush(callee=Callee(callee_number="6281234567810")),
        {"$.callee.case_id": DIGITS_LOST},
    ),
    "number that ends in a zero, which another program shows": (
        {"callee": {"callee_number": Decimal("6.28123456780E12")}, "call": {"call_end_time": Decimal("1.672305E12")}},
        CustomApiPush(callee=Callee(), call=Call()),
        {"$.callee.callee_number": DIGITS_LOST, "$.call.call_end_time": DIGITS_LOST},
    ),
    "time whose digits were lost": (
        {"call": {"call_start_time": Decimal("1.6723E+12"), "call_end_time": Decimal("1.7644176E+12")}},
        CustomApiPush(call=Call(call_end_time="1764417600000")),
        {"$.call.call_start_time": DIGITS_LOST},
    ),
    "count in few digits": (
        {"call": {"call_times": Decimal("1.2E+3")}},
        CustomApiPush(call=Call(call_times=1200)),
        {},
    ),
    "free text whose digits were lost": (
        {"callee": {"comments": Decimal("1.23457E+15"), "borrowed_amount": Decimal("2.0E+7")}},
        CustomApiPush(callee=Callee(comments="1234570000000000", borrowed_amount="20000000")),
        {"$.callee.comments": DIGITS_LOST},
    ),
    "list that has lost an item in PHP": (
        {"call": {"asr_result": {"0": {"text": "a"}, "10": {"text": "c"}, "2": {"text": "b"}}}},
        CustomApiPush(call=Call(asr_result=[Turn(text="a"), Turn(text="b"), Turn(text="c")])),
        {},
    ),
    "list of one that came through XML": (
        {"call": {"asr_result": {"text": "a"}}, "callee": {"extra": {"Question": "q"}}},
        CustomApiPush(callee=Callee(extra=[Answer(question="q")]), call=Call(asr_result=[Turn(text="a")])),
        {},
    ),
    "object in an array": (
        {"callee": [{"callee_name": "Budi"}], "call": [{"slots": "a"}, {"slots": "b"}]},
        CustomApiPush(callee=Callee(callee_name="Budi")),
        {"$.call": "an object is expected, not list"},
    ),
    "object that is no item of a list": (
        {"call": {"asr_result": {"text": "a b", "segments": [{"text": "a"}]}}, "callee": {"extra": {"101": "yes"}}},
        CustomApiPush(callee=Callee(), call=Call()),
        {"$.call.asr_result": "an array is expected, not dict", "$.callee.extra": "an array is expected, not dict"},
    ),
    "empty objects of PHP": (
        {"callee": {"extend": []}, "call": {"multi_label": []}},
        CustomApiPush(callee=Callee(), call=Call()),
        {},
    ),
    "text for number": (
        {"call": {"call_times": "twice"}},
        CustomApiPush(call=Call()),
        {"$.call.call_times": "a whole number is expected, not str"},
    ),
    "fraction for number": (
        {"call": {"call_times": 1.5}},
        CustomApiPush(call=Call()),
        {"$.call.call_times": "a whole number is expected, not float"},
    ),
    "long fraction for number": (
        {"call": {"call_times": Decimal("0.99999999999999999999")}},
        CustomApiPush(call=Call()),
        {"$.call.call_times": "a whole number is expected, not float"},
    ),
    "object for array": (
        {"call": {"asr_result": {}}},
        CustomApiPush(call=Call()),
        {"$.call.asr_result": "an array is expected, not dict"},
    ),
    "null item": (
        {"callee": {"extra": [None, {"Question": "q"}]}},
        CustomApiPush(callee=Callee(extra=[Answer(), Answer(question="q")])),
        {"$.callee.extra[0]": "an object is expected, not null"},
    ),
    "one bad item": (
        {"call": {"asr_result": [{"text": "a"}, 1, {"text": [], "robottext": "b"}]}},
        CustomApiPush(call=Call(asr_result=[Turn(text="a"), Turn(), Turn(robottext="b")])),
        {
            "$.call.asr_result[1]": "an object is expected, not int",
            "$.call.asr_result[2].text": "text is expected, not list",
        },
    ),
}


@pytest.mark.parametrize(("value", "expected", "problems"), LOST.values(), ids=LOST.keys())
def test_lost_is_warned_of(value: dict[str, Any], expected: CustomApiPush, problems: dict[str, str]) -> None:
    """What does not fit is null, with its path; what is beside it is kept."""
    assert salvaged(value) == (expected, problems)


def test_depth_in_a_string_is_cut() -> None:
    """What lies too deep in a string's JSON, counted from the body's top, is null with its path."""
    push, problems = salvaged({"callee": {"extend": '{"variables": ' + '{"x": ' * 150 + "1" + "}" * 151}})

    assert push.callee
    assert push.callee.extend
    assert str(push.callee.extend.variables).count("{") == MAX_DEPTH - 3
    assert list(problems.values()) == [f"nested more than {MAX_DEPTH} levels deep"]


def test_capital_keys_are_found() -> None:
    """The vendor's capitalised keys are salvaged under their own names."""
    push, problems = salvaged({"callee": {"extra": [{"Content": 5, "Question": "q"}]}})

    assert push.callee
    assert push.callee.extra == [Answer(content="5", question="q")]
    assert problems == {}


@pytest.mark.parametrize("text", ["--5", "9" * 5000, "٣", "1e3", "0x10"])
def test_odd_digits_do_no_harm(text: str) -> None:
    """Texts that only look like numbers never raise."""
    salvaged({"call": {"call_times": text}})


@pytest.mark.parametrize(
    ("kind", "field", "body"),
    [
        ("chatbot-session-ended", "$.callee", b'{"wfdetail_uuid":"u","callee":6.28123E+12}'),
        ("chatbot-session-ended", "$.wfdetail_uuid", b'{"call_id":"c1","wfdetail_uuid":6.28123E+15}'),
        ("qa-report", "$.TaskID", b'{"TaskID":1.5e20,"QADetail":[{"Length":1}]}'),
        ("pulled-call", "$.call.Mobile", b'{"task_id":"t","call_key":"k","call":{"Mobile":6.28123E+12}}'),
        ("pulled-call", "$.call_key", b'{"task_id":"t","call_key":1.5E+20,"call":{"Mobile":"+6281234567801"}}'),
        ("call-completed", "$.callee_number", b'{"task_id":"t","Mobile":6.28123E+12}'),
        ("list-completed", "$.case_id", b'{"workflow_id":"w","case_id":1.5E+20}'),
    ],
)
def test_digits_that_were_lost_are_nobodys(kind: str, field: str, body: bytes) -> None:
    """Of whatever kind, whatever the field is called: two persons or things would become one."""
    warned = msgspec.json.decode(normalise(entry_of(kind, body)).push.warnings or "[]")

    assert {"path": field, "problem": DIGITS_LOST} in warned
