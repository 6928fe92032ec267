"""Clean a decoded body of what Postgres cannot store: NUL, lone surrogates, numbers beyond a double."""

from __future__ import annotations

import math
import re
from typing import Any

from workers.warn import Warnings

_SUSPICIOUS = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def may_need_cleaning(body: bytes) -> bool:
    """Whether a body holds an escape that could stand for such a character; most bodies hold none."""
    return _SUSPICIOUS.search(body) is not None


def clean(value: Any, path: str, warnings: Warnings) -> Any:
    """Give the value without them; the raw body keeps everything."""
    if isinstance(value, str):
        return _clean_text(value, path, warnings)
    if isinstance(value, dict):
        return {_clean_text(key, path, warnings): clean(item, f"{path}.{key}", warnings) for key, item in value.items()}
    if isinstance(value, list):
        return [clean(item, f"{path}[{index}]", warnings) for index, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        warnings.add(path, "a number beyond what can be stored")
        return None
    return value


def _clean_text(text: str, path: str, warnings: Warnings) -> str:
    cleaned = _UNSTORABLE.sub("", text)
    if cleaned != text:
        warnings.add(path, "characters that cannot be stored were removed")
    return cleaned
