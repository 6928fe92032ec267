"""Free JSON: what the customer may put in as they like, encoded again for a column of its own."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import msgspec

from ingest.kinds.reading.clean import MAX_DEPTH, clean
from ingest.kinds.reading.identifiers import decimal_digits, has_lost_digits
from ingest.kinds.reading.nothing import says_something
from ingest.kinds.reading.texts import free_text
from ingest.kinds.reading.warn import Warnings
from ingest.tables.json_text import Json

_encode = msgspec.json.Encoder(decimal_format="number").encode


def json_of(value: Any, path: str, warnings: Warnings) -> Json | None:
    """A value as JSON; None if it says nothing, as the vendor's "" or a form that nobody has filled in, or nothing of
    it can be stored."""
    if value is None or not says_something(value):
        return None
    encoded = _encode(value)
    # Counting is cheap, and what has fewer brackets cannot be too deep.
    if encoded.count(b"{") + encoded.count(b"[") >= MAX_DEPTH - path.count("."):
        cleaned = clean(value, path, warnings, path.count("."))
        if not says_something(cleaned):
            return None
        encoded = _encode(cleaned)
    return Json(encoded.decode())


def text_or_json(value: Any, path: str, warnings: Warnings) -> str | None:
    """A text as `texts.free_text` reads it, and anything else as JSON."""
    if value is None or isinstance(value, str):
        return free_text(value)
    return json_of(value, path, warnings)


def id_text(value: Any) -> str | None:
    """The text of an id that came as text or as a whole number with all of its digits; None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return None if isinstance(value, bool) else str(value)
    is_finite = isinstance(value, float | Decimal) and math.isfinite(value)
    return decimal_digits(value) if is_finite and value == int(value) and not has_lost_digits(value) else None
