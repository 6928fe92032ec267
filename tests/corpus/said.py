"""What a push says: its JSON to the last digit, and what in it is nothing. It shares no code with normalising."""

from __future__ import annotations

import json
import re
import unicodedata
from decimal import Decimal, InvalidOperation
from typing import Any

_HIDDEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
_PRINTED = (
    "none",
    "nil",
    "undefined",
    "nan",
    "[object object]",
    "(null)",
    "(none)",
    "<null>",
    "<nil>",
    "<none>",
    "''",
    r"\n",
)
"""What programs print for no value, and is no JSON"""


def loads(text: str | bytes) -> Any:
    """Read JSON with numbers to the last digit; the last of a repeated key counts."""
    return json.loads(text, parse_int=number, parse_float=number)


def is_nothing(value: Any) -> bool:
    """Whether no part of it, at any depth, is a number, a truth value or a text in which anything is seen."""
    parts = [value]
    while parts:
        part = parts.pop()
        if isinstance(part, dict | list):
            parts.extend(part.values() if isinstance(part, dict) else part)
        elif part is not None and not (isinstance(part, str) and seen(part) == ""):
            return False
    return True


def is_printed_nothing(sent: Any) -> bool:
    """Whether it is a text that a program prints for no value, or the JSON of nothing."""
    if not isinstance(sent, str):
        return False
    if seen(sent).lower() in _PRINTED:
        return True
    try:
        return is_nothing(loads(sent))
    except (ValueError, RecursionError):
        return False


def seen(text: str) -> str:
    """What a person sees of a text: its characters decomposed, without those that cannot be printed."""
    spaced = " ".join(re.split(r"[^\S ]", text))
    seen = "".join(one for one in spaced if one == " " or (one.isprintable() and not _HIDDEN.match(one)))
    return unicodedata.normalize("NFD", seen.replace("\u2010", "-").replace("\u2011", "-")).strip()


def number(text: str) -> Any:
    """A number to its last digit."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return text  # beyond any number's limits: it is never stored
