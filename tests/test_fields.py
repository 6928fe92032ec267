"""Which fields a push has, beside those that the vendor documents: paths and types, never a value."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingest.kinds import KINDS, kind_of
from ingest.kinds.custom_api import simulated
from ingest.kinds.fields import MAX_FIELDS, documented_fields, fields_of, parent_of
from ops.simulator.pushes import generate
from tests.pushes import SAMPLE, push

CUSTOM = kind_of("custom-api")
TYPED = [name for name in KINDS if kind_of(name).struct]


def fields(content: Any, kind: str = "custom-api") -> dict[str, str]:
    """The fields of a body, each with its type."""
    return dict(fields_of(kind_of(kind), json.dumps(content).encode()))


@pytest.mark.parametrize("kind", TYPED)
def test_simulated_pushes_are_as_documented(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each field of each kind is documented, and of the documented type, or says nothing; but in odd pushes."""
    monkeypatch.setattr(simulated, "ODD_SHARE", 0)
    documented = documented_fields(kind_of(kind))
    for one in generate(seed=1, count=50, kinds={kind: 1}):
        found = fields_of(kind_of(kind), one.body)
        assert found
        assert {(path, documented[path] or came) for path, came in found if came != "nothing"} <= found


def test_sample_has_every_field() -> None:
    """The vendor's own example lacks nothing that is documented, but where an array of it is empty."""
    came = {path for path, _ in fields_of(CUSTOM, SAMPLE)}

    assert set(documented_fields(CUSTOM)) == came


def test_types_are_told() -> None:
    """As they came, not as they are read; null and "" are nothing of any type."""
    call = {"call_times": "1", "ring_type": None, "hangup_type": "", "slots": {"a": 1}, "asr_ptp": 1.5, "call_id": True}

    found = fields({"call": call, "callee": [], "workflow_id": 7})

    assert found == {
        "$.call": "object",
        "$.call.call_times": "text",
        "$.call.ring_type": "nothing",
        "$.call.hangup_type": "nothing",
        "$.call.slots": "object",
        "$.call.asr_ptp": "number",
        "$.call.call_id": "boolean",
        "$.callee": "array",
        "$.workflow_id": "whole number",
    }


def test_customers_keys_are_not_looked_at() -> None:
    """Below a field that is free, or that nobody documents, keys may be anything."""
    free = {"+6281234567890": {"Budi": 1}}
    body = push(custom_attribute=free, contacts=free, callee={"extend": {"variables": free, "more": 1}})
    body["call"] |= {"multi_label": free, "intention": free, "slots": free}

    found = fields(body)

    assert {"$.custom_attribute", "$.contacts", "$.callee.extend.more"} <= set(found)
    assert not [path for path in found if "Budi" in path or "62" in path or "*" in path]


@pytest.mark.parametrize(
    "key",
    [
        "+6281234567890",
        "budi@example.com",
        "Budi Santoso",
        "id_0812",
        "Budí",
        "budi-santoso",
        "",
        "x" * 41,
        "a.b",
        "\0",
        "$",
    ],
)
def test_odd_keys_are_masked(key: str) -> None:
    """A key that does not look like a field's name may be personal."""
    assert fields({key: 1, "call": {key: 1}}) == {"$.*": "whole number", "$.call": "object", "$.call.*": "whole number"}


def test_items_of_arrays_are_one_path() -> None:
    """However many there are; what is no object in place of one is told."""
    found = fields_of(CUSTOM, b'{"call": {"asr_result": [{"text": "a"}, {"transcript": 1}, "b"]}}')

    assert found == {
        ("$.call", "object"),
        ("$.call.asr_result", "array"),
        ("$.call.asr_result[]", "object"),
        ("$.call.asr_result[]", "text"),
        ("$.call.asr_result[].text", "text"),
        ("$.call.asr_result[].transcript", "whole number"),
    }


def test_aliases_are_one_field() -> None:
    """Where nobody says how fields are spelt, none of their spellings is unknown."""
    found = fields({"TaskID": "t1", "taskId": "t1", "Mobile": "+62", "Balance": "1"}, "call-completed")

    assert found == {"$.task_id": "text", "$.callee_number": "text", "$.Balance": "text"}


def test_kinds_known_by_name() -> None:
    """Of the second level only the types are told: its keys may be anything."""
    many = {f"k{chr(97 + n // 26)}{chr(97 + n % 26)}": n for n in range(60)}

    found = fields_of(kind_of("call-ended"), json.dumps({"data": [{"Siti": "t", "in": {}}], "many": many}).encode())

    assert found == {
        ("$.data", "array"),
        ("$.data[].*", "text"),
        ("$.data[].*", "object"),
        ("$.many", "object"),
        ("$.many.*", "whole number"),
    }
    assert fields(many, "call-ended") == {"$.*": "whole number"}
    assert documented_fields(kind_of("call-ended")) == {}


def test_fields_of_one_push_are_bounded() -> None:
    """A body of a hundred thousand keys is no list of fields."""
    letters = "abcdefghij"
    names = [f"{a}{b}{c}{d}" for a in letters for b in letters for c in letters for d in letters]

    assert len(fields(dict.fromkeys(names, 1))) == MAX_FIELDS


@pytest.mark.parametrize(
    ("path", "parent"),
    [("$.a", "$"), ("$.a.b", "$.a"), ("$.a[]", "$.a"), ("$.a[].b", "$.a[]")],
)
def test_parents(path: str, parent: str) -> None:
    """A field is in the item of an array, and the item in the array."""
    assert parent_of(path) == parent
