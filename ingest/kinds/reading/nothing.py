"""Nothing: how programs, spreadsheets and people write that they know no value."""

from __future__ import annotations

import functools
import re
from typing import Any

from ingest.kinds.reading.identifiers import visible

_EMPTY = ("{}", "[]", '""', "''", "[object Object]", r"\N", "<NA>", "--None--", "%!s(<nil>)", "%!d(<nil>)")
"""What programs print of an empty value, JavaScript of any object, a database in a dump, pandas, Salesforce and Go"""
_WORDS = frozenset(("null", "none", "nil", "undefined", "nan", "(null)", "(none)", "<null>", "<nil>", "<none>")).union(
    word.lower() for word in _EMPTY
)
"""What programs print where a value is missing"""
_PRINTED = frozenset(
    ("null", "NULL", "None", "undefined", "NaN", "nan", "NaT", "nil", "(null)", "<null>", "<nil>", *_EMPTY)
)
LONGEST_WORD = max(map(len, _WORDS))
_ERROR_OF_CELL = re.compile(r"#(?:N/A|NAME\?|(?:REF|VALUE|NULL|NUM|DIV/0|ERROR|SPILL|CALC|FIELD|BLOCKED|CONNECT)!)")
"""What sheets show; people write #LUNAS!"""
_FILLER = r"[0_\-\u2013\u2014]+|0+\.0+|[-\u2212]1(?:\.0+)?"
"""Zeros and dashes, as in a form that demands something; an UUID of zeros is a program's, and so is -1."""
_NAME_OF_ID = r"[a-z_.-]*(?:id|no|number|uuid|key|code)\d?"
_TEMPLATE = rf"\$?\{{\{{.*\}}\}}|\$\{{.*\}}|\{{{_NAME_OF_ID}\}}|\${_NAME_OF_ID}|%(?:\(\w+\))?[sd]"
"""A place that a program has not filled in. An id may stand in single braces."""
_NO_ID = re.compile(f"{_FILLER}|n/a|{_ERROR_OF_CELL.pattern}|{_TEMPLATE}", re.ASCII | re.IGNORECASE)


def is_word_for_nothing(text: str) -> bool:
    """Whether it is what a program prints for no value, with blanks around it or not; a dash is a value of some
    fields."""
    stripped = text.strip()
    return len(stripped) <= LONGEST_WORD and (stripped.lower() in _WORDS or stripped in _PRINTED)


def names_nobody(name: str) -> bool:
    """Whether a name that is a key is none. In the letters that programs print alone: people are called Nan and Nil."""
    return name in _PRINTED or (name[:1] == "#" and _ERROR_OF_CELL.fullmatch(name) is not None)


def names_nothing(identifier: str) -> bool:
    """Whether a text stands where an id was missing: whatever else has none would have the same."""
    return is_word_for_nothing(identifier) or _NO_ID.fullmatch(identifier) is not None


def shows_nothing(text: str) -> bool:
    """Whether a person sees nothing in it: blanks, and characters that have no shape."""
    # Most begin with one of ASCII's characters, or a Chinese or Korean one.
    if "!" <= text < "\x7f" or "\u3400" <= text < "\ufe00":
        return False
    stripped = text.strip()
    return not (stripped and (_is_seen(stripped[0]) or visible(stripped).strip()))


@functools.lru_cache(maxsize=1000)
def _is_seen(character: str) -> bool:
    return bool(visible(character).strip())


def says_something(value: Any) -> bool:
    """Whether there is anything in a value of JSON, at any depth: null and texts that show nothing are nothing, 0 and
    false are something."""
    if isinstance(value, dict):
        for first in value.values():
            # Most say something there.
            if isinstance(first, str) and "!" <= first < "\x7f":
                return True
            break
        else:
            return False
    elif isinstance(value, str):
        return not shows_nothing(value)
    return value is not None and _is_any_said([value])


def _is_any_said(waiting: list[Any]) -> bool:
    # Without recursion: a push may be nested nearly as deeply as Python can call.
    for one in waiting:
        if isinstance(one, str):
            if not shows_nothing(one):
                return True
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
        elif one is not None:
            return True
    return False
