"""Cleaning decoded bodies of what Postgres cannot store."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from workers.clean import clean, may_need_cleaning
from workers.warn import Warnings

CASES: dict[str, tuple[Any, Any, list[str]]] = {
    "nothing to do": ({"a": ["é 回访 🙏", 1, None]}, {"a": ["é 回访 🙏", 1, None]}, []),
    "nul": ({"a": "x\0y"}, {"a": "xy"}, ["$.a"]),
    "lone surrogates": ({"a": ["\ud800", "x\udfffy"]}, {"a": ["", "xy"]}, ["$.a[0]", "$.a[1]"]),
    "key": ({"a\0": 1}, {"a": 1}, ["$"]),
    "infinity": ({"a": {"b": math.inf}}, {"a": {"b": None}}, ["$.a.b"]),
}


@pytest.mark.parametrize(("value", "cleaned", "paths"), CASES.values(), ids=CASES.keys())
def test_value_is_cleaned(value: Any, cleaned: Any, paths: list[str]) -> None:
    """What cannot be stored is removed, and its path warned of; the rest stays as it is."""
    warnings = Warnings()

    assert clean(value, "$", warnings) == cleaned
    assert [warning["path"] for warning in msgspec.json.decode(warnings.as_json() or "[]")] == paths


@pytest.mark.parametrize(
    ("body", "is_suspicious"),
    [
        (b'{"a": "plain \\u00e9 \\u56de"}', False),
        (b'{"a": "\\u0000"}', True),
        (b'{"a": "\\uD83D\\uDE4F"}', True),
        (b'{"a": "\\udfff"}', True),
    ],
)
def test_suspicion_is_cheap(body: bytes, is_suspicious: bool) -> None:
    """Only bodies with an escape of that kind are looked at closely."""
    assert may_need_cleaning(body) == is_suspicious
