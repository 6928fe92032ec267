"""Texts: what people write, and the vendor's own words. None where nothing is said: blanks, or what a program prints.

What few values stand for, the words, is read once.
"""

from __future__ import annotations

import functools

from ingest.kinds.reading.decode import decode_within
from ingest.kinds.reading.identifiers import canonical_id
from ingest.kinds.reading.moments import NO_DAY, NO_TIME, read_day, read_moment
from ingest.kinds.reading.nothing import (
    LONGEST_WORD,
    is_word_for_nothing,
    names_nobody,
    names_nothing,
    says_something,
    shows_nothing,
)
from ingest.kinds.reading.warn import Warnings

NO_PROMISE = "no promise: it stands for nothing, as 0, N/A or a program's zero for a date"
_MAX_WORD_LENGTH = 2 * LONGEST_WORD
"""With the blanks around it; longer texts must not fill a cache."""
_LONGEST_ZERO = 100
"""Characters of a program's zero for a date; longer texts are none, and must not fill a cache"""
_FIRST_OF_ORDINARY = frozenset(map(chr, range(ord("!"), 0x7F))) - frozenset("nNu(<{[\"'\\#%-")
"""Of most texts: what can be seen, and begins neither JSON nor what programs print for nothing"""


def free_text(value: str | None) -> str | None:
    """What people write, or how they call something, as it came; None if nothing is seen in it, or it is what a program
    prints for nothing. People are called Nan and Null."""
    if not value or value[0] in _FIRST_OF_ORDINARY:
        return value or None
    if value[0] > "\x7f":  # of another script, or blank
        return None if shows_nothing(value) else value
    stripped = value.strip()
    is_nothing = names_nobody(stripped) or shows_nothing(stripped) or (stripped[0] in "[{" and _is_empty_json(stripped))
    return None if is_nothing else value


def _is_empty_json(value: str) -> bool:
    within = decode_within(value, dict | list)
    return within is not None and not says_something(within)


def word(value: str | None) -> str | None:
    """One of the vendor's own words, as how the line was, without the blanks around it: lookups have it so. The
    documentation leaves open whether null comes as JSON's null or as a word; `--` is a value."""
    if not value:
        return None
    return _word_of(value) if len(value) <= _MAX_WORD_LENGTH else free_text(value.strip())


def promise(value: str | None, path: str, warnings: Warnings) -> str | None:
    """What a callee has promised, a date or words; none if it is a program's zero for a date, or stands for nothing."""
    said = word(value)
    if said and len(said) <= _LONGEST_ZERO and _is_no_promise(said):
        warnings.add(path, NO_PROMISE)
        return None
    return said


@functools.lru_cache(maxsize=10_000)
def _is_no_promise(said: str) -> bool:
    is_zero = read_moment(said).problem == NO_TIME or read_day(said)[1] == NO_DAY
    return is_zero or (said != "--" and names_nothing(said))


@functools.lru_cache(maxsize=10_000)
def _word_of(value: str) -> str | None:
    return None if is_word_for_nothing(canonical_id(value)) else free_text(value.strip())
