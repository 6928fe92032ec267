"""Ids: which spellings are one id, and the text of one that came as a number. Workers store what this gives, and the
commands look for it.

One id is what a person reads as one: characters that nobody sees are no part of it, every kind of space is a space, and
é is é whether it came as one character or as e with an accent (NFC), as systems change one into the other on copying.
What looks different stays different: upper and lower case, a hyphen and a dash, the full-width and the raised digits
that NFKC would make plain ones. Two cases must not become one.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from typing import Any

MAX_ID_LENGTH = 255
"""Characters. Ids are keys, and an index refuses a long one; the vendor's have 32."""
DIGITS_LOST = "a number whose last digits were lost, as in 6.28E+12"

_SHOWS_NOTHING = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
"""What Unicode calls default ignorable, besides format characters"""
_TO_HYPHEN = str.maketrans("\u2010\u2011", "--")
"""Drawn like the one of the keyboard; typesetting puts them in its place."""
_ROUNDED = re.compile(r"[+-]?\d(?:[.,](\d+))?[eE](\+?)(\d{1,3})", re.ASCII)
"""How spreadsheets show a long number in a narrow column, with a plus, and Java any long number, without one. An id
such as 1e5 has neither plus nor point."""


def canonical_id(text: str) -> str:
    """The id that a text spells; empty if it shows nothing."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return unicodedata.normalize("NFC", visible(text).translate(_TO_HYPHEN)).strip()


def id_spellings(text: str) -> frozenset[str]:
    """By which texts the id that a text spells may be stored: older rows may have the text itself."""
    return frozenset({canonical_id(text), text.strip()})


def storable(text: str) -> str:
    """What a terminal handed over, without bytes that are no UTF-8: nothing stored has any."""
    return text.encode(errors="ignore").decode()


def visible(text: str) -> str:
    """What a person sees of a text: without characters that show nothing, each space a plain one."""
    return "".join(map(_shown, _SHOWS_NOTHING.sub("", text)))


def is_rounded(text: str) -> bool:
    """Whether an id is a number that a program has shortened: two ids become one so."""
    match = _ROUNDED.fullmatch(text)
    if not match:
        return False
    fraction, plus, exponent = match.groups()
    return bool(plus) or (fraction is not None and len(fraction) < int(exponent))


def has_lost_digits(value: Any, needed: int | None = None) -> bool:
    """Whether a decoded number was written as 6.28123e12: those digits that are not there are taken for zeros.

    `needed`: with so many digits, the last of them no zero, it has all that matter.
    """
    if not (isinstance(value, Decimal) and value):
        return False
    _, digits, exponent = value.as_tuple()
    is_short = needed is None or len(digits) < needed or digits[-1] == 0
    return is_short and isinstance(exponent, int) and exponent > 0


def decimal_digits(value: float | Decimal) -> str:
    """A number as people write it: 20000, not 2e+4 or 20000.0; an id that came as a float has to meet its like."""
    if isinstance(value, int):
        return str(value)
    digits = format(Decimal(str(value)), "f")
    return digits.partition(".")[0] if value == int(value) else digits


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Zs", "Zl", "Zp") or character.isspace():
        return " "
    return "" if category in ("Cf", "Cc", "Cs") else character
