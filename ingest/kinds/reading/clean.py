"""Clean a decoded body of what Postgres cannot store: NUL, lone surrogates, numbers beyond a double, endless depth."""

from __future__ import annotations

import math
import re
from typing import Any

from ingest.kinds.reading.decode import LenientObject
from ingest.kinds.reading.warn import Warnings, below

MAX_DEPTH = 100
"""Levels of objects and arrays; Python and Postgres each have a limit of their own, between 1,000 and 10,000."""

_NUL = rb"\u0000"
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def may_hold_nul(body: bytes) -> bool:
    """Whether a text of this body may hold NUL; few do. All else that is cleaned the typed decode refuses."""
    # A single byte is found in a fraction of the time, and most bodies have no backslash at all.
    return b"\\" in body and _NUL in body


def may_need_cleaning(push: dict[str, Any], body: bytes) -> bool:
    """Whether a plain object, and the body that it was decoded from, may hold anything that is to be cleaned."""
    if isinstance(push, LenientObject) or may_hold_nul(body):
        return True
    # Counting is cheap, and what has fewer brackets cannot be too deep.
    return body.count(b"{") + body.count(b"[") >= MAX_DEPTH


def clean(value: Any, path: str, warnings: Warnings, depth: int = 0) -> Any:
    """Give the value without them; the raw body keeps everything. `depth`: how many levels it is inside others."""
    if isinstance(value, str):
        return _clean_text(value, path, warnings)
    if isinstance(value, dict | list) and depth >= MAX_DEPTH:
        warnings.add(path, f"nested more than {MAX_DEPTH} levels deep")
        return None
    if isinstance(value, dict):
        return _clean_object(value, path, warnings, depth)
    if isinstance(value, list):
        return [clean(item, below(path, f"[{index}]"), warnings, depth + 1) for index, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        warnings.add(path, "a number beyond what can be stored")
        return None
    return value


def _clean_object(value: dict[str, Any], path: str, warnings: Warnings, depth: int) -> dict[str, Any]:
    cleaned: dict[str, Any] = {}
    for key, item in value.items():
        name = _clean_text(key, path, warnings)
        if name != key and (name in value or name in cleaned):
            problem = "another key is the same but for characters that cannot be stored"
            warnings.add(warnings.below_key(path, name), problem)
        else:
            cleaned[name] = clean(item, warnings.below_key(path, name), warnings, depth + 1)
    return cleaned


def _clean_text(text: str, path: str, warnings: Warnings) -> str:
    if "\0" not in text and (text.isascii() or _is_storable(text)):
        return text
    cleaned = _UNSTORABLE.sub("", text)
    if cleaned != text:
        warnings.add(path, "characters that cannot be stored were removed")
    return cleaned


def _is_storable(text: str) -> bool:
    # Encoding stops at a lone surrogate, and takes a fraction of the time of the pattern.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
