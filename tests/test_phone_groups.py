"""Telephone numbers in groups: which digits behind the last dash are the number's own, and which another line's."""

from __future__ import annotations

import phonenumbers
import pytest
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

from ingest.kinds.reading.phone_numbers import EXTENSION, NO_COUNTRY, SEVERAL, read_number

SHORTEST = len("+12345678")
"""In E.164; a few islands have shorter ones, which are nobody's here."""


@pytest.mark.parametrize(
    "text",
    [
        # Somebody else's, if they are the number's own
        *("+62215551234-36", "+62 21 5551234-36", "+62 21 555 1234-5", "+62 21 555 1234 - 5", "62215551234-36"),
        *("+62-21-5551234-36", "+62 21 5551234_2", "+62215551234 5", "+62215551234 36", "+6281234567801-36"),
        # Nobody's
        *("+65 6123 4567-89", "+44 20 7946 0958-59", "+1 415 555 2671-72", "+66-2-123-4567-69", "+66-2-123-4567-9"),
    ],
)
def test_second_line_names_nobody(text: str) -> None:
    """The end of another number is no part of this one, with a dash as with a slash."""
    assert read_number(text) == (None, SEVERAL)


@pytest.mark.parametrize(
    ("text", "number"),
    [("+65 6123 4567-5", "+6561234567"), ("+66 2 123 4567-9", "+6621234567"), ("+49 30 12345 (2)", "+493012345")],
)
def test_copy_of_a_fixed_line_is_left_out(text: str, number: str) -> None:
    """Where nobody can have the number with it."""
    assert read_number(text) == (number, EXTENSION)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("+33 1 42 68 53-00", "+33142685300"), ("+7 495 123-45-67", "+74951234567")),
        *(("+62-812-345-678-01", "+6281234567801"), ("+62 812-3456-7801-2", "+62812345678012")),
        # Dialled as they stand there
        *(("+43 1 58858-0", "+431588580"), ("+49 30 12345 - 0", "+4930123450"), ("+352 4301-1", "+35243011")),
        # Its first digits are a number of Antananarivo's, without their area code.
        ("+261 20 21 234-56", "+261202123456"),
    ],
)
def test_last_digits_are_its_own(text: str, number: str) -> None:
    """Where numbers are parted so."""
    assert read_number(text) == (number, None)


def _groups(digits: str, size: int) -> list[str]:
    return [digits[start : start + size] for start in range(0, len(digits), size)]


def _groupings(number: PhoneNumber) -> set[str]:
    """How people part a number: as is usual in its country, with any sign, and in twos, threes and fours."""
    usual = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    code, national = f"+{number.country_code}", phonenumbers.national_significant_number(number)
    rest = usual.removeprefix(code).strip()
    found = {usual, phonenumbers.format_number(number, PhoneNumberFormat.RFC3966), "-".join(usual.rsplit(" ", 1))}
    found |= {usual.replace(" ", sign) for sign in "-./"} | {f"{code} {rest.replace(' ', '-')}"}
    for size in (2, 3, 4):
        from_behind = [group[::-1] for group in reversed(_groups(national[::-1], size))]
        for groups in (_groups(national, size), from_behind):
            found |= {f"{code} {sign.join(groups)}" for sign in " -."} | {f"{code}-{'-'.join(groups)}"}
        found.add(f"{code} {' '.join(from_behind[:-1])}-{from_behind[-1]}")
    return found


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_number_in_groups_reads_as_itself(region: str) -> None:
    """Whichever kind of line it is, in each country of the world."""
    for kind in PhoneNumberType.values():
        example = phonenumbers.example_number_for_type(region, kind)
        if example and len(number := phonenumbers.format_number(example, PhoneNumberFormat.E164)) >= SHORTEST:
            odd = {text: read_number(text) for text in _groupings(example) if read_number(text) != (number, None)}
            assert not odd


@pytest.mark.parametrize(
    "text",
    [
        *("5551234/35", "(0812) 34567801-36", "081234567801-2", "081234567801 2", "081234567801/2"),
    ],
)
def test_second_line_at_home_names_nobody(text: str) -> None:
    """Behind as many digits as nearly any number has at home it is none of its own."""
    assert read_number(text) == (None, SEVERAL)


@pytest.mark.parametrize("text", ["0812-345-678-01", "0812-345678-9", "030-123456-0", "02-1234567-8", "555-1234"])
def test_groups_at_home_are_one_number(text: str) -> None:
    """With its country missing, as before."""
    assert read_number(text) == ("".join(filter(str.isdigit, text)), NO_COUNTRY)
