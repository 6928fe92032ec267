"""Times, dates, amounts, offsets, ids and telephone numbers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.kinds.reading import values
from ingest.kinds.reading.warn import Warnings
from tests.pushes import DOCUMENTED

Read = Callable[[Any, str, Warnings], Any]


def read(reader: Read, value: Any) -> tuple[Any, bool]:
    """What a value comes to, and whether it was warned of; then it is nothing."""
    result, is_warned_of = kept(reader, value)
    assert not (is_warned_of and result is not None)
    return result, is_warned_of


def kept(reader: Read, value: Any) -> tuple[Any, bool]:
    """What a value comes to, and whether it was warned of, by its path and once."""
    warnings = Warnings(DOCUMENTED)
    result = reader(value, "$.there", warnings)
    noted = warnings.as_json()
    if noted:
        (warning,) = msgspec.json.decode(noted)
        assert warning["path"] == "$.there"
    return result, noted is not None


MOMENTS: dict[str | None, datetime | None] = {
    "2022-12-29T09:01:52Z": datetime(2022, 12, 29, 9, 1, 52, tzinfo=UTC),
    "2022-12-29T09:01:52.123Z": datetime(2022, 12, 29, 9, 1, 52, 123000, tzinfo=UTC),
    "2022-12-29T16:01:52+07:00": datetime(2022, 12, 29, 9, 1, 52, tzinfo=UTC),
    "2022-12-29 09:01:52": datetime(2022, 12, 29, 9, 1, 52, tzinfo=UTC),
    " 2022-12-29T09:01:52Z ": datetime(2022, 12, 29, 9, 1, 52, tzinfo=UTC),
    "2079-06-04T23:59:59Z": datetime(2079, 6, 4, 23, 59, 59, tzinfo=UTC),
    "": None,
    "  ": None,
    None: None,
}


@pytest.mark.parametrize(("value", "moment"), MOMENTS.items())
def test_moment_is_utc(value: str | None, moment: datetime | None) -> None:
    """A time is read as UTC, by its zone or for want of one; nothing is nothing."""
    assert read(values.moment, value) == (moment, False)


@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "2022-13-01T00:00:00Z",
        "09:01:52",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2022-12-29T25:00:00Z",
        "²⁰²²-12-29T09:01:52Z",
    ],
)
def test_other_moment_is_warned_of(value: str) -> None:
    """What is no time is null, with a warning."""
    assert read(values.moment, value) == (None, True)


@pytest.mark.parametrize(
    "value", ["2022-12-29T09:01:52.1234567Z", "2022-12-29T090152,123456999", "2022-12-29T16:01:52.123456789+07:00"]
)
def test_finer_moment_is_cut_off(value: str) -> None:
    """What is finer than a microsecond cannot be stored: the rest is, with a warning."""
    warnings = Warnings(DOCUMENTED)

    assert values.moment(value, "$.there", warnings) == datetime(2022, 12, 29, 9, 1, 52, 123456, tzinfo=UTC)
    assert warnings.as_json() == '[{"path":"$.there","problem":"cut to the microsecond"}]'


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("2019-02-01", date(2019, 2, 1)),
        (" 2019-02-01 ", date(2019, 2, 1)),
        ("1970-01-02", date(1970, 1, 2)),
        ("2099-12-30", date(2099, 12, 30)),
        ("2019-02-01T00:00:00Z", date(2019, 2, 1)),
        ("2019-02-01 00:00:00.000", date(2019, 2, 1)),
        # As Java, Python, Go and Postgres write the same.
        *((f"2019-02-01{rest}", date(2019, 2, 1)) for rest in ("T00:00:00.000+00:00", "T00:00:00+0000", "T00:00Z")),
        *((f"2019-02-01{rest}", date(2019, 2, 1)) for rest in (" 00:00:00+00", " 00:00:00 +0000 UTC", " 00:00:00 UTC")),
        *((text, date(2019, 2, 1)) for text in ("2019-02-01T00:00:00.000000+00:00", "'2019-02-01", '"2019-02-01"')),
        *((text, date(2019, 2, 1)) for text in ("2019-02-01\u200e", "\u200b2019-02-01", "2019\u201002\u201001")),
        ("", None),
    ],
)
def test_day_is_read(value: str, day: date | None) -> None:
    """A date is read; nothing is nothing."""
    assert read(values.day, value) == (day, False)


@pytest.mark.parametrize(
    "value",
    [
        # In Nepal's digits it may be of its calendar.
        "\u0968\u0966\u0968\u0967-\u0966\u0968-\u0966\u0967",
        *("2021-02-30", "0000-01-01", "01/02/2021", "20210201", "2021-W01-1", "soon", "2021-2-1"),
        # In Jakarta it is the day after.
        *("2021-01-31T17:00:00Z", "2021-01-31T17:00:00+00:00", "2021-02-01T00:00:00+07:00", "2021-02-01T00:00:01Z"),
        *("2021-02-01T00:00:00 WIB", "2021-02-01 00:00:00 +0700", "2021-02-01 x" * 20),
        # A program's zero or maximum.
        *("0001-01-01", "0001-01-01T00:00:00Z", "0000-00-00", "1970-01-01", "1969-12-31", "1900-01-00", "1900-01-01"),
        *("1899-12-30", "9999-12-31", "2099-12-31", "2099-12-31 00:00:00", "2079-06-06"),
    ],
)
def test_other_day_is_warned_of(value: str) -> None:
    """What is no date of the documented form is null, with a warning."""
    assert read(values.day, value) == (None, True)


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("20000.00", Decimal("20000.00")),
        ("-5.5", Decimal("-5.5")),
        ("0", Decimal(0)),
        ("9" * 60, Decimal("9" * 60)),
        (" 1 ", Decimal(1)),
        *(("2.031023E7", Decimal(20310230)), ("1.0E7", Decimal(10000000)), ("-1.23456789E8", Decimal("-123456789"))),
        ("1.234567891E7", Decimal("12345678.91")),
        ("", None),
    ],
)
def test_amount_is_exact(value: str, amount: Decimal | None) -> None:
    """An amount is read to the digit."""
    assert read(values.amount, value) == (amount, False)


@pytest.mark.parametrize(
    "value",
    [
        "1.234,56",
        "1,234.56",
        "1e5",
        "1.5e7",
        "2.03102E+7",
        "1E7",
        "1.0E-4",
        "1.0E999",
        "9.9E99",
        "1.5E6",
        "NaN",
        "Infinity",
        "Rp 20000",
        "9" * 70,
        "1.",
        ".5",
        "+1",
        "١٢",
        "1_000",
    ],
)
def test_other_amount_is_warned_of(value: str) -> None:
    """What could be read in two ways, or in none, is null, with a warning."""
    assert read(values.amount, value) == (None, True)


@pytest.mark.parametrize(
    ("value", "is_warned_of"),
    [("20.000", True), (" -1.500 ", True), ("0.500", False), ("1234.567", False), ("20.0000", False), ("20.00", False)],
)
def test_amount_that_may_be_of_thousands_is_warned_of(value: str, is_warned_of: bool) -> None:
    """Twenty thousand is written 20.000 in Indonesia: it is read as documented, with a warning."""
    assert kept(values.amount, value) == (Decimal(value.strip()), is_warned_of)


@pytest.mark.parametrize(
    ("value", "offset"),
    [
        ("00:00:09", timedelta(seconds=9)),
        ("00:40:00", timedelta(minutes=40)),
        ("99:59:59", timedelta(hours=99, minutes=59, seconds=59)),
        ("00:00:01.5", timedelta(seconds=1.5)),
        ("", None),
    ],
)
def test_offset_is_read(value: str, offset: timedelta | None) -> None:
    """An offset into the call is an interval."""
    assert read(values.offset, value) == (offset, False)


@pytest.mark.parametrize("value", ["00:60:00", "9", "-00:00:09", "00:09", "1:2:3", "a:b:c"])
def test_other_offset_is_warned_of(value: str) -> None:
    """What is no offset is null, with a warning."""
    assert read(values.offset, value) == (None, True)


NUMBERS: dict[str | None, str | None] = {
    "+6281234567890": "+6281234567890",
    "6281234567890": "+6281234567890",
    "+62 812-3456-7890": "+6281234567890",
    "+62 (812) 3456 7890": "+6281234567890",
    "(+62) 81234567890": "+6281234567890",
    " +6281234567890 ": "+6281234567890",
    "tel:+6281234567890": "+6281234567890",
    "+6212345678": "+6212345678",
    "62 21-555-1234": "+62215551234",
    # Dialled at home with a zero in front: the same person.
    "+6208123456789": "+628123456789",
    "6208123456789": "+628123456789",
    "+62 0812 3456 789": "+628123456789",
    "+390612345678": "+390612345678",
    "+63 917 123 4567": "+639171234567",
    "8613800138000": "+8613800138000",
    "+٦٢٨١٢٣٤٥٦٧٨٩٠": "+6281234567890",
    "": None,
    "   ": None,
    None: None,
}


@pytest.mark.parametrize(("value", "number"), NUMBERS.items())
def test_number_meets_its_kind(value: str | None, number: str | None) -> None:
    """A number that can be read is in E.164, so that its spellings meet."""
    assert read(values.callee_number, value) == (number, False)


@pytest.mark.parametrize("value", ["unknown", "6.28123E+12", "6" * 300])
def test_what_is_no_number_is_warned_of(value: str) -> None:
    """What may be anybody's, or is too long for an index, is null."""
    assert read(values.callee_number, value) == (None, True)


def test_number_without_country_is_warned_of() -> None:
    """It is kept, as any guess could be another person's number. One that may have its country in front is read so."""
    assert kept(values.callee_number, "0812-3456-7890") == ("081234567890", True)
    assert kept(values.callee_number, "6212345678") == ("+6212345678", True)


@given(st.text(max_size=80))
def test_any_number_is_read(value: str) -> None:
    """Whatever stands for a number, it is read without an error, and reading the result again changes nothing."""
    number, _ = kept(values.callee_number, value)
    if number:
        assert kept(values.callee_number, number)[0] == number


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+6281234567890", "ID"),
        ("+639171234567", "PH"),
        ("+8613800138000", "CN"),
        ("+6212345678", "ID"),
        ("081234567890", None),
        ("unknown", None),
        ("+99912345678", None),
    ],
)
def test_country_of_number(number: str, country: str | None) -> None:
    """The country is known from an E.164 number alone."""
    assert values.country_of(number) == country


@pytest.mark.parametrize(
    ("end", "is_one"),
    [
        ("2026-07-02T10:00:00Z", True),
        ("2026-07-02T10:00:01Z", False),
        ("2027-07-01T10:00:00Z", False),
        ("2079-06-06T23:59:00Z", False),
        ("2099-12-31T23:59:59Z", False),
    ],
)
def test_end_that_was_made_up_is_none(end: str, is_one: bool) -> None:
    """No call is as long as a program's maximum is away: it would be most of the mean of all durations."""
    warnings = Warnings(DOCUMENTED)
    started, ended = values.period(("2026-07-01T10:00:00Z", "$.start"), (end, "$.there"), warnings)

    assert started == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert (ended is not None, warnings.as_json() is None) == (is_one, is_one)
    assert is_one or '"path":"$.there"' in (warnings.as_json() or "")


def test_identifier_is_stripped() -> None:
    """What nobody sees is no part of an id; a very long one is null, as no index would take it."""
    assert read(values.identifier, "  c1 ") == ("c1", False)
    assert read(values.identifier, "c\u200b1\ufeff") == ("c1", False)
    assert read(values.identifier, "1.23457E+15") == (None, True)
    assert read(values.identifier, " ") == (None, False)
    assert read(values.identifier, "x" * 255) == ("x" * 255, False)
    assert read(values.identifier, "x" * 256) == (None, True)


@pytest.mark.parametrize(("value", "is_warned_of"), [(1, False), (2**31 - 1, False), (2**31, True), (-(2**80), True)])
def test_integer_fits_column(value: int, is_warned_of: bool) -> None:
    """A number beyond the column is null, with a warning."""
    assert read(values.integer, value) == (None if is_warned_of else value, is_warned_of)


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_country_of_every_region(region: str) -> None:
    """A number of each country of the world is known for its own, whether or not the country shares its code."""
    example = phonenumbers.example_number(region)
    assert example
    number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    expected = phonenumbers.region_code_for_number(example)
    assert values.country_of(number) == expected
