"""Telephone numbers: E.164 where a text can be read as such, and how else the same number may be spelt."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection

import phonenumbers

E164 = re.compile(r"\+[1-9]\d{7,14}", re.ASCII)
TRUNK_ZERO = re.compile(rf"\+({'|'.join(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE))})0")
"""A zero behind the country code, which most countries dial at home only: +62 0812 … is +62 812 …"""
MIN_DIGITS = 7
"""Fewer may be anything: an amount, a part of an id."""

_DIGITS = re.compile(r"[1-9]\d{7,14}", re.ASCII)
_NO_DIGITS = re.compile(r"[^0-9]+")
_SEPARATORS = r"[\s\0().\-/]*"
"""What people put between digits; and the NULs that are there in UTF-16."""


@functools.lru_cache(maxsize=10_000)
def canonical_number(number: str) -> str:
    """In E.164 if it can be read as such, else as it is; `6281…` and `+6281…` meet."""
    international = f"+{number}" if _DIGITS.fullmatch(number) else number
    try:
        parsed = phonenumbers.parse(international)
    except phonenumbers.NumberParseException:
        return number
    if not phonenumbers.is_possible_number(parsed):
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def digits_of(number: str) -> str:
    """Its digits alone."""
    return _NO_DIGITS.sub("", number)


def spellings(number: str) -> frozenset[str]:
    """The digits by which senders may write a canonical number: of `+6281…` `6281…`, `006281…`, and where a zero is no
    part of a number `62081…` and `081…`; of one that is not in E.164 its own alone, as nobody knows its country. None
    where they are too few to tell."""
    found = {digits_of(number)}
    if E164.fullmatch(number):
        try:
            parsed = phonenumbers.parse(number)
        except phonenumbers.NumberParseException:
            pass  # well-formed, with a country code that nobody has
        else:
            code, national = parsed.country_code, phonenumbers.national_significant_number(parsed)
            found.add(f"00{code}{national}")
            # In Italy, for one, a zero more is somebody else's number.
            if canonical_number(f"+{code}0{national}") == number:
                found |= {f"{code}0{national}", f"0{national}"}
    return frozenset(one for one in found if len(one) >= MIN_DIGITS)


def mention_of(spelt: Collection[str]) -> re.Pattern[bytes] | None:
    """What finds one of the spellings in bytes that nobody can read otherwise, and no longer number; None if there is
    no spelling to look for."""
    if not spelt:
        return None
    numbers = "|".join(_SEPARATORS.join(one) for one in sorted(spelt))
    return re.compile(rf"(?:(?<![0-9])|(?<=%20))(?:{numbers})(?![0-9])".encode())
