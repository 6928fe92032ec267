"""Cleaning decoded bodies of what Postgres cannot store."""

from __future__ import annotations

import json
import math
from itertools import product
from typing import Any

import msgspec
import pytest

from ingest.kinds import kind_of
from ingest.kinds.reading.clean import MAX_DEPTH, clean, may_hold_nul, may_need_cleaning
from ingest.kinds.reading.decode import LenientObject, decode
from ingest.kinds.reading.warn import MAX_PATH_LENGTH, MAX_WARNINGS, Warnings
from tests.pushes import DOCUMENTED

CASES: dict[str, tuple[Any, Any, list[str]]] = {
    "nothing to do": ({"a": ["é 回访 🙏", 1, None]}, {"a": ["é 回访 🙏", 1, None]}, []),
    "nul": ({"slots": "x\0y"}, {"slots": "xy"}, ["$.slots"]),
    "lone surrogates": ({"slots": ["\ud800", "x\udfffy"]}, {"slots": ["", "xy"]}, ["$.slots[0]", "$.slots[1]"]),
    "key": ({"a\0": 1}, {"a": 1}, ["$"]),
    "key that nul makes another's": ({"a\0": 1, "a": 2, "\0a": 3}, {"a": 2}, ["$", "$.*", "$", "$.*"]),
    "keys that nul makes one": ({"a\0": 1, "\0a": 2}, {"a": 1}, ["$", "$", "$.*"]),
    "key above a bad value": ({"call\0": {"b\ud800": "x\0"}}, {"call": {"b": "x"}}, ["$", "$.call", "$.call.*"]),
    "infinity": ({"call": {"slots": math.inf}}, {"call": {"slots": None}}, ["$.call.slots"]),
    "key of the customer": ({"Budi": {"slots": "x\0"}}, {"Budi": {"slots": "x"}}, ["$.*.slots"]),
}


@pytest.mark.parametrize(("value", "cleaned", "paths"), CASES.values(), ids=CASES.keys())
def test_value_is_cleaned(value: Any, cleaned: Any, paths: list[str]) -> None:
    """What cannot be stored is removed, and its path warned of; the rest stays as it is."""
    warnings = Warnings(DOCUMENTED)

    assert clean(value, "$", warnings) == cleaned
    assert [warning["path"] for warning in msgspec.json.decode(warnings.as_json() or "[]")] == paths


@pytest.mark.parametrize(
    ("body", "is_suspicious"),
    [
        (b'{"a": "plain \\u00e9 \\u56de"}', False),
        (b'{"a": "\\u0000"}', True),
        (b'{"a": "\\uD83D\\uDE4F"}', False),
    ],
)
def test_suspicion_is_cheap(body: bytes, is_suspicious: bool) -> None:
    """Only bodies with an escape of that kind are looked at closely."""
    assert may_hold_nul(body) == is_suspicious


@pytest.mark.parametrize(
    ("push", "body", "is_suspicious"),
    [
        ({}, b"{}", False),
        ({}, b'{"a": "\\u0000"}', True),
        ({}, b"[" * MAX_DEPTH, True),
        (LenientObject(), b"{}", True),
    ],
)
def test_few_plain_objects_are_cleaned(push: dict[str, Any], body: bytes, is_suspicious: bool) -> None:
    """Those with an escaped NUL, those that may be too deep, and those that msgspec refuses."""
    assert may_need_cleaning(push, body) == is_suspicious


def test_typed_push_holds_no_lone_surrogate() -> None:
    """Why NUL alone is looked for in a typed push: msgspec refuses halves of pairs, which come as a plain object."""
    halves = [r"\ud83d", r"\uDE4F", "a", r"\u0041", r"\\", r"\n"]
    typed = 0
    for escapes in product(halves, repeat=3):
        push = decode(kind_of("custom-api").decoder, f'{{"workflow_name": "{"".join(escapes)}"}}'.encode())
        if not isinstance(push, dict):
            typed += 1
            msgspec.to_builtins(push)["workflow_name"].encode()
    assert 64 < typed < 216


def nested(levels: int) -> Any:
    """So many objects and arrays within each other."""
    value: Any = "core"
    for level in range(levels):
        value = {"a": value} if level % 2 else [value]
    return value


def test_depth_is_cut() -> None:
    """What lies too deep is null with its path, and beside it everything stays."""
    warnings = Warnings(DOCUMENTED)

    cleaned = clean({"deep": nested(MAX_DEPTH), "beside": nested(MAX_DEPTH - 1)}, "$", warnings)

    assert cleaned["beside"] == nested(MAX_DEPTH - 1)
    (warning,) = msgspec.json.decode(warnings.as_json() or "[]")
    assert warning["path"].startswith("$.*.*[0].*")
    assert json.dumps(cleaned["deep"]).count("{") + json.dumps(cleaned["deep"]).count("[") == MAX_DEPTH - 1


def test_many_mistakes_stay_small() -> None:
    """A body of long paths and many mistakes costs a bounded number of bounded warnings; the rest is counted."""
    warnings = Warnings(DOCUMENTED)
    value: Any = ["\0"] * 10_000
    for _ in range(20):
        value = {"custom_attribute": value}

    clean(value, "$", warnings)

    noted = msgspec.json.decode(warnings.as_json() or "[]")
    assert len(noted) == MAX_WARNINGS + 1
    assert noted[-1] == {"path": "$", "problem": f"and {10_000 - MAX_WARNINGS} more warnings"}
    assert max(len(warning["path"]) for warning in noted) <= MAX_PATH_LENGTH + 1
