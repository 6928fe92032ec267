"""How else the number of one person may be spelt, by which a text that mentions it is found."""

from __future__ import annotations

import re
from collections.abc import Collection

import phonenumbers

from ingest.kinds.reading.phone_numbers import E164, MIN_DIGITS, canonical_number, digits_of, read_number
from ingest.kinds.reading.phone_plans import former

_SEPARATORS = r"[\s\0().\-/]*"
"""What people put between digits; and the NULs that are there in UTF-16."""


def spellings(number: str) -> frozenset[str]:
    """The digits by which senders may write a canonical number; none where they are too few to tell, or it names
    nobody.

    Of `+6281…` these are `6281…`, `006281…` and `626281…`, where a zero is no part of a number `62081…`, and where it
    is dialled at home `081…`. Of one that is not in E.164 its own alone, as nobody knows its country.
    """
    if not read_number(number).number:
        return frozenset()
    found = {digits_of(number)}
    if E164.fullmatch(number):
        try:
            parsed = phonenumbers.parse(number)
        except phonenumbers.NumberParseException:
            pass  # well-formed, with a country code that nobody has
        else:
            code, national = parsed.country_code or 0, phonenumbers.national_significant_number(parsed)
            for other in filter(None, (national, former(code, national))):
                found |= {f"{code}{other}", f"00{code}{other}"}
            # In Italy, for one, a zero more is somebody else's number.
            for more in (f"{code}0{national}", f"{code}{code}{national}"):
                found |= {more} if canonical_number(f"+{more}") == number else set()
            # Where nobody dials a zero at home, who is meant by one lives elsewhere.
            if phonenumbers.parse(f"+{code}0{national}") == parsed:
                found.add(f"0{national}")
    return frozenset(one for one in found if len(one) >= MIN_DIGITS)


def mention_of(spelt: Collection[str]) -> re.Pattern[bytes] | None:
    """What finds one of the spellings in bytes that nobody can read otherwise, and no longer number; None if there is
    no spelling to look for."""
    if not spelt:
        return None
    numbers = "|".join(_SEPARATORS.join(one) for one in sorted(spelt))
    return re.compile(rf"(?:(?<![0-9])|(?<=%20))(?:{numbers})(?![0-9])".encode())
