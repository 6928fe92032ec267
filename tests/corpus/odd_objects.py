"""JSON objects of an odd shape or size: each is acknowledged, however little of it can be used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.corpus.documents import Literal, documented, to_json

MANY = 12_000


def nested(levels: int, core: Any = 1) -> Any:
    """Objects and arrays within each other, as literal JSON."""
    opening = "".join('{"a": ' if level % 2 else "[" for level in range(levels))
    closing = "".join("}" if level % 2 else "]" for level in reversed(range(levels)))
    return Literal(opening + to_json(core).decode() + closing)


_BARE: dict[str, bytes] = {
    "empty": b"{}",
    "empty within spaces": b" \t\r\n{ \t\r\n} \t\r\n",
    "nothing known": b'{"hello": "world"}',
    "behind a mark": b'\xef\xbb\xbf{"workflow_id": "marked"}',
    "empty key": b'{"": 1, "workflow_id": "empty key"}',
    "keys of nul": b'{"\\u0000": 1, "\\u0000\\u0000": 2, "workflow_id": "keys of nul"}',
    "key of a lone surrogate": b'{"\\ud800": 1, "workflow_id": "key of a surrogate"}',
    "key that nul makes known": b'{"workflow_id": "the first", "workflow_id\\u0000": "the second"}',
    "key known but for nul": b'{"workflow_id\\u0000": "the only"}',
    "keys in other letters": b'{"Workflow_ID": "w", "CALL": {"call_id": "c"}, "workflowId": "x"}',
    "keys of an object's own": b'{"__proto__": {"workflow_id": "p"}, "__class__": "x", "constructor": {}}',
    "repeated key": b'{"workflow_id": "repeated 1", "workflow_id": "repeated 2"}',
    "repeated object": b'{"call": {"call_id": "repeated call"}, "call": {"call_id": "repeated call", "slots": "x"}}',
    "repeated, then null": b'{"workflow_id": "repeated, null", "call": {"call_id": "x"}, "call": null}',
    "repeated, of another type": b'{"workflow_id": 1, "workflow_id": [], "workflow_id": "repeated, other"}',
    "repeated within": b'{"workflow_id": "repeated within", "custom_attribute": {"a": 1, "a": 2, "a\\u0000": 3}}',
    "all null": b'{"workflow_id": null, "node_id": null, "callee": null, "custom_attribute": null, "call": null}',
    "escaped keys": b'{"\\u0077orkflow_id": "escaped key"}',
    "escaped solidus": b'{"workflow_id": "a\\/b\\"\\\\\\b\\f\\n\\r\\t"}',
    "escaped emoji": b'{"workflow_id": "\\ud83d\\ude4f\\uD83D\\uDE4F"}',
    "raw emoji and ends of lines": '{"workflow_id": "🙏\u2028\u2029\ufeff"}'.encode(),
    "DEL and C1": '{"workflow_id": "x\x7f\x80\x9f"}'.encode(),
    "backslash before an escape": b'{"workflow_id": "\\\\u0000"}',
    "array of pushes in an object": b'{"data": [{"workflow_id": "w"}]}',
    "graph of references": b'{"workflow_id": {"$ref": "$"}, "call": {"call_id": "referring"}}',
}


def _with(number: int, **changes: Any) -> dict[str, Any]:
    document = documented(800_000 + number)
    document["custom_attribute"] = {}
    for path, value in changes.items():
        inner: Any = document
        *steps, last = path.split("__")
        for step in steps:
            inner = inner[step]
        inner[last] = value
    return document


def _long_number(digits: int) -> Literal:
    return Literal("[" + ", ".join(["9" * digits] * (MANY * 10 // digits)) + "]")


_LARGE: dict[str, dict[str, Any]] = {
    **{
        f"{levels} levels": {"custom_attribute": {"a": nested(levels)}}
        for levels in (95, 96, 97, 98, 99, 100, 500, 800)
    },
    "500 levels of variables": {"callee__extend__variables": {"a": nested(500)}},
    "500 levels of labels": {"call__multi_label": {"a": nested(500)}},
    "500 levels of intention": {"call__intention": nested(500)},
    "500 levels of workflow": {"workflow_id": nested(500)},
    "500 levels with nul in the core": {"custom_attribute": {"a": nested(500, "\0")}},
    "90 levels with nul in the core": {"custom_attribute": {"a": nested(90, "\0")}},
    "500 levels unknown": {"unknown": nested(500)},
    "brackets in text": {"custom_attribute": {"a": "[{" * 1000}},
    "many turns": {"call__asr_result": [{}] * 10_001},
    "many turns of text": {"call__asr_result": [{"time": "00:00:01", "text": "x"}] * 9_000},
    "many turns of another type": {"call__asr_result": [1] * MANY},
    "many turns of null": {"call__asr_result": [None] * MANY},
    "many answers": {"callee__extra": [{"Question": "q"}] * 10_001},
    "many answers of another type": {"callee__extra": [[[]]] * MANY},
    "many numbers": {"custom_attribute": {"a": list(range(MANY))}},
    "many numbers beyond a double": {"custom_attribute": {"a": [Literal("1e400")] * MANY}},
    "many numbers beyond what a float tells": {"custom_attribute": {"a": [Literal("0.12345678901234567890")] * MANY}},
    "many numbers of 1000 digits": {"custom_attribute": {"a": _long_number(1000)}},
    "many numbers of 4000 digits": {"custom_attribute": {"a": _long_number(4000)}},
    "many lone surrogates": {"custom_attribute": {"a": ["\ud800"] * MANY}},
    "many keys": {"custom_attribute": {f"key {place}": place for place in range(MANY)}},
    "many keys that clean to one": {"custom_attribute": {"k" + "\0" * place: place for place in range(300)}},
    "many unknown keys": {f"key {place}": place for place in range(MANY)},
    "many empty objects": {"custom_attribute": {"a": [{}] * MANY}, "workflow_name": 1},
    "long key": {"custom_attribute": {"k" * 100_000: 1e308, "\0" * 10_000: 1}},
    "long keys within each other": {"custom_attribute": {"k" * 50_000: {"k" * 50_000: {"k" * 50_000: "\ud800"}}}},
    "long text": {"call__slots": "x" * 500_000},
    "long text of nul": {"call__slots": "\0" * 100_000},
    "long text of space": {"call__call_times": " " * 500_000 + "x", "callee__due_date": " " * 100_000},
    "long id": {"workflow_id": "w" * 300, "node_id": "n" * 100_000},
    "ids as long as allowed": {"workflow_id": "🙏" * 255, "node_id": "回" * 255, "call__call_id": "é" * 255},
    "JSON in JSON in JSON": {"custom_attribute": {"a": '{"b": "{\\"c\\": \\"\\\\u0000\\"}"}'}},
    "null in every place": {"callee__extra": [None], "call__asr_result": [None], "callee__extend": None},
    "names without ids": {"workflow_id": None, "node_id": None},
    "node without workflow": {"workflow_id": ""},
    "name without node": {"node_id": " "},
    "callee without number": {"callee__callee_number": None},
    "call without id": {"call__call_id": {}},
    "nothing but names": {
        "workflow_id": 0.5,
        "callee__callee_number": [],
        "callee__case_id": {},
        "call__call_id": True,
    },
    "times the wrong way round": {
        "call__call_end_time": "0001-01-01T00:00:00Z",
        "call__call_start_time": "9999-12-31T23:59:59Z",
    },
}


def bodies() -> Iterator[tuple[str, bytes]]:
    """Name and body."""
    for name, body in _BARE.items():
        yield f"object: {name}", body
    for number, (name, changes) in enumerate(_LARGE.items()):
        yield f"object: {name}", to_json(_with(number, **changes))
    spaced = to_json(_with(len(_LARGE))).replace(b'": ', b'" \t\r\n: ' + b" \t\r\n" * 5000, 20)
    yield "object: much space", spaced


def too_large() -> Iterator[tuple[str, bytes]]:
    """Name and a body beyond what web takes by default."""
    yield "too large: 10 MB of text", to_json(_with(9_000, call__slots="x" * 10_000_000))
    yield "too large: 10 MB of escapes", to_json(_with(9_001, call__slots="\0" * 1_700_000))
    yield "too large: 10 MB of brackets", b"[" * 10_000_000
