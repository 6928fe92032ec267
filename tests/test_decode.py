"""Decoding bodies, documented and not."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import NotAnObjectError, NotJsonError
from ingest.kinds import kind_of
from ingest.kinds.custom_api.payload import CustomApiPush
from ingest.kinds.reading.decode import MAX_LEVELS, decode, decode_within, judge
from tests.corpus import cases
from tests.pushes import SAMPLE

DECODER = kind_of("custom-api").decoder


def test_sample_is_typed() -> None:
    """The vendor's own example fits the structs, field by field."""
    push = decode(DECODER, SAMPLE)

    assert isinstance(push, CustomApiPush)
    assert push.workflow_name == "huida_test_api_002"
    assert push.callee
    assert push.callee.extra
    assert (push.callee.extra[0].question, push.callee.extra[0].content) == ("order_type", "codLogistics260")
    assert push.callee.extend
    assert push.callee.extend.variables == {"test": "xxx", "extra_a": "hello world"}
    assert push.call
    assert push.call.asr_result
    assert (push.call.asr_result[1].time, push.call.asr_result[1].robottext) == ("00:00:09", "Saya Daniel dari adakami")


TYPED = {
    "empty": b"{}",
    "unknown fields": b'{"workflow_id": "w", "new": {"deep": [1, {"x": null}]}}',
    "nulls": b'{"workflow_id": null, "callee": null, "custom_attribute": null, "call": null}',
    "byte order mark": b'\xef\xbb\xbf{"workflow_id": "\xc3\xa9"}',
    "escapes": b'{"workflow_name": "\\u56de\\u8bbf \\ud83d\\ude4f \\u0000"}',
    "repeated key": b'{"workflow_id": "a", "workflow_id": "b"}',
}


@pytest.mark.parametrize("body", TYPED.values(), ids=TYPED.keys())
def test_documented_shape_is_typed(body: bytes) -> None:
    """What fits the structs comes back typed, whatever else is in it."""
    assert isinstance(decode(DECODER, body), CustomApiPush)


PLAIN = {
    "number for text": b'{"workflow_id": 7}',
    "text for object": b'{"callee": "nobody"}',
    "array for object": b'{"custom_attribute": [1]}',
    "lone surrogate": b'{"workflow_id": "\\ud800"}',
    "lone surrogate where skipped": b'{"new": "\\udfff"}',
    "beyond a double": b'{"custom_attribute": {"a": 1e400}}',
    "5000 digits": b'{"custom_attribute": {"a": ' + b"9" * 5000 + b"}}",
}


@pytest.mark.parametrize("body", PLAIN.values(), ids=PLAIN.keys())
def test_other_shape_is_plain(body: bytes) -> None:
    """An object that does not fit, but is JSON, comes back as a plain object."""
    assert isinstance(decode(DECODER, body), dict)


NUMBERS: dict[str, Any] = {
    "1.5": 1.5,
    "1.10": 1.1,
    "-0.0": 0.0,
    "1e22": Decimal("1e22"),  # a telephone number so has lost its digits, and a float would not say it
    "6.281234567801E12": 6281234567801.0,
    "12345678901234567.89": Decimal("12345678901234567.89"),
    "0.1000000000000000000001": Decimal("0.1000000000000000000001"),
    "1e-400": Decimal("1e-400"),
    "123456789012345678901234567890": 123456789012345678901234567890,
}


@pytest.mark.parametrize("rest", [b"", b', "workflow_id": 7', b', "new": "\\ud800"'], ids=["typed", "plain", "lenient"])
@pytest.mark.parametrize(("text", "number"), NUMBERS.items())
def test_number_is_exact(text: str, number: Any, rest: bytes) -> None:
    """A number says to the digit what was sent, whichever way it is read."""
    push = decode(DECODER, b'{"custom_attribute": {"a": ' + text.encode() + b"}" + rest + b"}")

    attribute: Any = push["custom_attribute"] if isinstance(push, dict) else push.custom_attribute
    assert (attribute, type(attribute["a"])) == ({"a": number}, type(number))


@pytest.mark.parametrize(
    ("text", "infinity"),
    [
        *(("1e400", math.inf), ("-1e400", -math.inf), ("9" * 5000, math.inf), ("-" + "9" * 5000, -math.inf)),
        *(("0." + "9" * 5000, math.inf), ("1e-2000", math.inf), ("-1e-99999999999999999999", -math.inf)),
    ],
)
def test_number_beyond_storing_is_infinite(text: str, infinity: float) -> None:
    """A number that is too large, too small or too long to be stored makes the object plain and is infinite in it."""
    assert decode(DECODER, b'{"a": ' + text.encode() + b', "custom_attribute": {"a": ' + text.encode() + b"}}") == {
        "a": infinity,
        "custom_attribute": {"a": infinity},
    }


def verdict(read: Callable[..., object], *args: Any) -> str | None:
    """Why a body is refused; None if it is not."""
    try:
        read(*args)
    except (NotJsonError, NotAnObjectError) as error:
        return str(error)
    return None


NOT_JSON = {
    "nothing": (b" ", "not JSON: Expecting value (byte 1)"),
    "truncated": (b'{"a": 1', "not JSON: Expecting ',' delimiter (byte 7)"),
    "truncated after a mistyped field": (b'{"workflow_id": 1, "b":', "not JSON: Expecting value (byte 23)"),
    "bytes are counted": (b'{"\xe5\x9b\x9e": x}', "not JSON: Expecting value (byte 8)"),
    "Infinity": (b'{"a": Infinity}', "not JSON: Infinity is not a JSON number"),
    "-Infinity": (b'{"a": -Infinity}', "not JSON: -Infinity is not a JSON number"),
    "raw control character": (b'{"a": "\x00"}', "not JSON: Invalid control character at (byte 7)"),
    "single quotes": (b"{'a': 1}", "not JSON: Expecting property name enclosed in double quotes (byte 1)"),
    "too deep": (b"[" * 100_000, "not readable JSON: nested too deeply"),
    "too deep in an object": (b'{"a":' * 100_000, "not readable JSON: nested too deeply"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "not UTF-8 (byte 0)"),
    "not UTF-8": (b'{"workflow_id": "\xff"}', "not UTF-8 (byte 17)"),
    "overlong UTF-8": (b'{"a": "\xc0\xaf"}', "not UTF-8 (byte 7)"),
    "surrogate in UTF-8": (b'{"a": "\xed\xa0\x80"}', "not UTF-8 (byte 7)"),
}


@pytest.mark.parametrize(("body", "error"), NOT_JSON.values(), ids=NOT_JSON.keys())
def test_other_bytes_are_refused(body: bytes, error: str) -> None:
    """What is not JSON in UTF-8 is refused, with the byte where it stops being so."""
    assert verdict(decode, DECODER, body) == error
    assert verdict(judge, body) == error


NOT_AN_OBJECT = {
    b"null": "null",
    b"true": "a boolean",
    b"1": "a number",
    b"1.5": "a number",
    b"1e999": "a number",
    b'"x"': "a string",
    b"[]": "an array",
    b'[{"workflow_id": "w"}]': "an array",
}


@pytest.mark.parametrize(("body", "found"), NOT_AN_OBJECT.items())
def test_other_json_is_refused(body: bytes, found: str) -> None:
    """JSON that is no object is refused by what it is."""
    assert verdict(decode, DECODER, body) == f"a JSON object is expected, not {found}"
    assert verdict(judge, body) == f"a JSON object is expected, not {found}"


def test_errors_hold_no_value() -> None:
    """An error's text, which is logged and answered, holds nothing of the body."""
    for body in (b'{"callee_name": "Budi" x}', b'"Budi"', b'{"a": "Budi', b'["Budi"]', b"Budi"):
        with pytest.raises((NotJsonError, NotAnObjectError)) as caught:
            decode(DECODER, body)
        assert "Budi" not in str(caught.value)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
FIELDS = st.sampled_from(["workflow_id", "node_id", "callee", "custom_attribute", "call", "other"])


@given(st.dictionaries(FIELDS, JSON_VALUES), st.booleans())
def test_every_object_is_decoded(document: dict[str, Any], is_escaped: bool) -> None:
    """Whatever object a sender may send, it is a push, and decoded."""
    body = json.dumps(document, ensure_ascii=is_escaped).encode("utf-8", "replace")

    judge(body)
    decode(DECODER, body)


@given(st.binary() | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
def test_every_body_has_verdict(body: bytes) -> None:
    """Any bytes are decoded or refused with one of two errors, by web and by a worker in the same words."""
    assert verdict(judge, body) == verdict(decode, DECODER, body)


def test_verdict_agrees_on_the_corpus() -> None:
    """So are all the bodies that the receiver has to survive, with one more in which nothing is known."""
    differ = {
        case.name: (by_web, by_worker)
        for case in cases()
        if (by_web := verdict(judge, case.body)) != (by_worker := verdict(decode, DECODER, case.body))
    }
    assert differ == {}


PIECES = st.sampled_from(
    [
        *b'{}[]",:\\-+.eE0 \0\xff',
        b"\\ud800",
        b"\\uDc00",
        b"\\u12",
        b"1e400",
        b"01",
        b"NaN",
        b"null",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
    ]
).map(lambda piece: piece if isinstance(piece, bytes) else bytes([piece]))
EDITS = st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 3), PIECES), min_size=1, max_size=5)


@given(st.sampled_from([case.body for case in cases() if 0 < len(case.body) < 3000]), EDITS)
def test_verdict_agrees_beside_the_corpus(body: bytes, edits: list[tuple[int, int, bytes]]) -> None:
    """And so are bodies that differ from those in some places."""
    for place, length, piece in edits:
        at = place % (len(body) + 1)
        body = body[:at] + piece + body[at + length :]

    assert verdict(judge, body) == verdict(decode, DECODER, body)


def nested(levels: int) -> bytes:
    """An object of so many levels, with brackets in texts, which count for nothing."""
    opening = "".join('{"[[\\"{": ' if level % 2 else "[" for level in range(levels - 1))
    closing = "".join("}" if level % 2 else "]" for level in reversed(range(levels - 1)))
    return f'{{"unknown": {opening}1{closing}, "text": "{"[" * 2000}"}}'.encode()


def test_depth_is_refused_by_workers_first() -> None:
    """How deep Python reads depends on where it is, so web may refuse only what is dead for workers in any place."""
    assert isinstance(decode(DECODER, nested(MAX_LEVELS - 1)), CustomApiPush)
    assert verdict(judge, nested(MAX_LEVELS - 1)) is None
    for levels in (MAX_LEVELS, 950, 985, 1000, 1500, 20_000):
        assert verdict(decode, DECODER, nested(levels)) == "not readable JSON: nested too deeply"
        assert verdict(judge, nested(levels)) in (None, "not readable JSON: nested too deeply")


@pytest.mark.parametrize("unit", [b"[],", b"[[]],", b'"[",', b'{"a":[]},', b'"\\"[",'])
def test_many_brackets_are_not_deep(unit: bytes) -> None:
    """Objects and arrays beside each other, and brackets in texts, are no levels."""
    assert isinstance(decode(DECODER, b'{"unknown": [' + unit * 5000 + b"1]}"), CustomApiPush)


def filled(unit: bytes, before: bytes = b'{"custom_attribute": {"a": [', after: bytes = b"0]}}") -> bytes:
    """A body of a mebibyte."""
    return before + unit * ((2**20 - len(before + after)) // len(unit)) + after


HOSTILE = {
    "whole numbers": filled(b"1,"),
    "fractions": filled(b"1.5,"),
    "exponents": filled(b"1.5e300,"),
    "beyond a double": filled(b"1e400,"),
    "long numbers": filled(b"9" * 1000 + b","),
    "one long number": filled(b"9", b'{"a": ', b"}"),
    "numbers beside a lone surrogate": filled(b"1.5,", b'{"s": "\\ud800", "custom_attribute": {"a": ['),
    "lone surrogates": filled(b'"\\ud800",'),
    "numbers in a text field": filled(b"1.5,", b'{"workflow_id": [', b"1]}"),
    "numbers in an array": filled(b"1.5,", b"[", b"1]"),
    "numbers, truncated": filled(b"1.5,", after=b"1"),
    "numbers, and more behind": filled(b"1.5,", after=b"1]}} x"),
    "numbers, and no number": filled(b"1.5,", after=b"NaN]}}"),
    "numbers, and no UTF-8": filled(b"1.5,", after=b'"\xff"]}}'),
    "arrays never closed": b"[" * 2**20,
    "objects never closed": b'{"a":' * 200_000,
    "small arrays": filled(b"[],"),
    "arrays as deep as may be": filled(b"[" * 890 + b"]" * 890 + b","),
    "escapes": filled(b"\\u0000", b'{"a": "', b'"}'),
    "backslashes": filled(b"\\\\", b'{"a": "', b'"}'),
    "keys": b"{" + b",".join(b'"k%d":1' % number for number in range(90_000)) + b"}",
    "one key": filled(b'"workflow_id":"a",', b"{", b'"a": 1}'),
    "spaces": filled(b" ", b"{", b"}"),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_body_holds_web_up(body: bytes) -> None:
    """A verdict on a mebibyte of anything takes a handful of calls, none for each number, text or bracket in it."""
    calls = Counter[str]()
    sys.setprofile(lambda _frame, event, _of: calls.update([event]))
    try:
        verdict(judge, body)
    finally:
        sys.setprofile(None)
    assert calls["call"] + calls["c_call"] < 60


OBJECT = {"a": [1, "b"]}
WITHIN: dict[str, tuple[Any, type, Any]] = {
    "object": (json.dumps(OBJECT), dict, OBJECT),
    "space around it": (f"\ufeff \n{json.dumps(OBJECT)} ", dict, OBJECT),
    "array": ("[1]", list, [1]),
    "twice": (json.dumps(json.dumps(OBJECT)), dict, OBJECT),
    "three times": (json.dumps(json.dumps(json.dumps(OBJECT))), dict, None),
    "lone surrogate": ('{"a": "\\ud800"}', dict, {"a": "\ud800"}),
    "lone surrogate that was decoded": ('{"a": "\ud800"}', dict, {"a": "\ud800"}),
    "beyond a double": ('{"a": 1e400}', dict, {"a": math.inf}),
    "another type": ("[1]", dict, None),
    "digits": ("1", list, None),
    "no JSON": ("{budi}", dict, None),
    "cut off": ('{"a": 1', dict, None),
    "cut off within": ('{"\ud800": 1', dict, None),
    "text": ("some text", dict, None),
    "empty": ("", dict, None),
    "endless depth": ("[" * 5000, list, None),
}


@pytest.mark.parametrize(("value", "wanted", "within"), WITHIN.values(), ids=WITHIN.keys())
def test_json_in_a_string_is_decoded(value: Any, wanted: type, within: Any) -> None:
    """An object or array that was encoded once or twice too often is what it was; nothing else is made of a string."""
    assert decode_within(value, wanted) == within
