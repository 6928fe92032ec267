"""Values: the vendor's texts in; ids, times, dates, amounts and telephone numbers out, or a warning.

A text in which nothing is said is None everywhere: the vendor sends "" for what it does not know, and programs send
blanks. What few values stand for, days and places in a call, is read once.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import phonenumbers

from ingest.kinds.reading.identifiers import (
    DIGITS_LOST,
    MAX_ID_LENGTH,
    canonical_id,
    decimal_digits,
    has_lost_digits,
    is_rounded,
)
from ingest.kinds.reading.moments import MOMENT_DIGITS, is_of_calls, read_day, read_moment
from ingest.kinds.reading.nothing import names_nobody, names_nothing
from ingest.kinds.reading.phone_codes import country_at
from ingest.kinds.reading.phone_numbers import is_settled, read_number
from ingest.kinds.reading.warn import Warnings

_Value = TypeVar("_Value")
Period = tuple[datetime | None, datetime | None]

_MAX_AMOUNT_LENGTH = 64
MAX_ITEMS = 10_000
"""Turns of a call, or answers of a case: ten times what an hour's talk has."""
NO_ID = "no id: it stands for nothing, as null, N/A or 0"
ENDS_BEFORE_START = "before the start: the call has no duration"
ENDS_TOO_LATE = "too long after the start: an end that a program made up"
LONGEST_CALL = timedelta(days=1)
"""No line and no robot holds a call for so long; in another zone than the start's an end is hours off, not days."""
_MOMENT_LENGTH = len("YYYY-MM-DDTHH:MM:SSZ")
_MAX_DAY_LENGTH = len("'YYYY-MM-DD HH:MM:SS.fffffffff +0000 UTC'")
_MAX_OFFSET_LENGTH = len("HHH:MM:SS.ffffff")
"""Longer texts are neither, and must not fill a cache"""
_FIRST_OF_NOTHING = "nNuU0"
"""Of what stands for nothing and has digits and letters alone: most ids begin with others"""
_MAX_INTEGER = 2**31 - 1

_OFFSET = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d)(\.\d{1,6})?", re.ASCII)
_AMOUNT = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_AMOUNT_OF_JAVA = re.compile(r"-?\d\.\d+E(?:[7-9]|[1-5]\d)", re.ASCII)
"""From ten million on, as `2.031E7`, and within what a text may have; sheets write a plus, and may leave digits out"""
_MAYBE_THOUSANDS = re.compile(r"-?[1-9]\d{0,2}\.\d{3}", re.ASCII)
"""Twenty thousand where a point stands between thousands, as in Indonesia and Brazil"""


def identifier(value: str | None, path: str, warnings: Warnings) -> str | None:
    """An id, whichever way it is spelt; none of a word for nothing or a number that lost digits: these would be another
    thing's as well."""
    if not value:
        return None
    # Most are of digits and letters; bytes are asked several times faster than text.
    is_plain = value.isascii() and value.encode().isalnum() and len(value) <= MAX_ID_LENGTH
    if is_plain and not (value[0] in _FIRST_OF_NOTHING and names_nothing(value)):
        return value
    return _key(value, path, warnings, names_nothing)


def name_key(value: str | None, path: str, warnings: Warnings) -> str | None:
    """A person's name that a row is kept under, spelt as an id is."""
    return _key(value, path, warnings, names_nobody) if value else None


def _key(value: str, path: str, warnings: Warnings, is_none: Callable[[str], bool]) -> str | None:
    canonical = canonical_id(value)
    if len(canonical) > MAX_ID_LENGTH:
        warnings.add(path, f"an id of more than {MAX_ID_LENGTH} characters")
        return None
    if is_rounded(canonical):
        warnings.add(path, DIGITS_LOST)
        return None
    if canonical and is_none(canonical):
        warnings.add(path, NO_ID)
        return None
    return canonical or None


def moment(value: str | None, path: str, warnings: Warnings) -> datetime | None:
    """A time as UTC; one without a zone is taken for UTC, as the vendor documents. A program's zero is no time."""
    if not value or not (stripped := value.strip()):
        return None
    if len(stripped) == _MOMENT_LENGTH and stripped[10] == "T" and stripped[-1] == "Z":
        try:
            documented = datetime.fromisoformat(stripped)
        except ValueError:
            pass  # in another form, or none
        else:
            if is_of_calls(documented):
                return documented
    return _noted(read_moment(stripped), path, warnings)


def any_moment(value: Any, path: str, warnings: Warnings) -> datetime | None:
    """A time as `moment` reads it, that may also have come as a number: an epoch."""
    if has_lost_digits(value, MOMENT_DIGITS):
        warnings.add(path, DIGITS_LOST)
        return None
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        value = decimal_digits(value)
    if value is None or isinstance(value, str):
        return moment(value, path, warnings)
    warnings.add(path, f"a time is expected, not {type(value).__name__}")
    return None


def period(
    start: tuple[str | None, str], end: tuple[str | None, str], warnings: Warnings, longest: timedelta = LONGEST_CALL
) -> Period:
    """When something began and ended, each from its text and its path. An end before the start is warned of; one that
    is more than `longest` after it is none, with a warning."""
    started_at, ended_at = moment(*start, warnings), moment(*end, warnings)
    if started_at and ended_at:
        # By the start, not by the push's arrival as with a dialler's time: bytes that come again tell the same.
        if ended_at < started_at:
            warnings.add(end[1], ENDS_BEFORE_START)
        elif ended_at - started_at > longest:
            warnings.add(end[1], ENDS_TOO_LATE)
            return started_at, None
    return started_at, ended_at


def day(value: str | None, path: str, warnings: Warnings) -> date | None:
    """A date `YYYY-MM-DD`; a program's zero is none."""
    if not value or not (stripped := value.strip()):
        return None
    return _noted(_day_of(stripped[: _MAX_DAY_LENGTH + 1]), path, warnings)


def amount(value: str | None, path: str, warnings: Warnings) -> Decimal | None:
    """A decimal number with a point, `20000.00`; not `1.234,56`, which could be read in two ways. `20.000` is as
    documented, and warned of."""
    if not value:
        return None
    whole, _, fraction = value.partition(".")
    # Most are written so, and the pattern takes twice as long.
    if len(fraction) == 2 and len(whole) < 20 and whole.isdigit() and fraction.isdigit() and value.isascii():
        return Decimal(value)
    read = _parse(value, _read_amount, "not a decimal number", path, warnings)
    if read is not None and value.rstrip()[-4:-3] == "." and _MAYBE_THOUSANDS.fullmatch(value.strip()):
        warnings.add(path, "may be thousands: the point is taken for a decimal point")
    return read


def offset(value: str | None, path: str, warnings: Warnings) -> timedelta | None:
    """An offset into the call, `HH:MM:SS`."""
    return _parse(value, _read_offset, "not an offset of the form HH:MM:SS", path, warnings)


def integer(value: int | None, path: str, warnings: Warnings) -> int | None:
    """A whole number that fits an integer column."""
    if value is not None and abs(value) > _MAX_INTEGER:
        warnings.add(path, "a number beyond what can be stored")
        return None
    return value


def callee_number(value: str | None, path: str, warnings: Warnings) -> str | None:
    """A telephone number in E.164 if it can be read as such, `6281…` and `+6281…` meet; its digits if its country is
    not said; none if it may be anybody's."""
    if not value or is_settled(value):
        return value or None
    return _noted(read_number(value), path, warnings)


def bounded(items: list[_Value], path: str, warnings: Warnings) -> list[_Value]:
    """The items, up to as many as are stored as rows."""
    if len(items) > MAX_ITEMS:
        warnings.add(path, f"more than {MAX_ITEMS} items: the rest is in the raw push alone")
    return items[:MAX_ITEMS]


def country_of(number: str) -> str | None:
    """The country (ISO 3166-1 alpha-2) of a number as `callee_number` gives it; None if it cannot be told."""
    if number[0] != "+":
        return None
    # Most countries have a code to themselves: then there is no need to take the number apart, which is slow.
    regions = country_at(number[1:4]).regions
    if len(regions) != 1:
        return _country_among(number)
    return None if regions[0] == "001" else regions[0]


@functools.lru_cache(maxsize=10_000)
def _country_among(number: str) -> str | None:
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None  # well-formed, with a country code that nobody has
    region = phonenumbers.region_code_for_number(parsed)
    region = region or phonenumbers.region_code_for_country_code(parsed.country_code or 0)
    return None if region in (None, "ZZ", "001") else region


def _parse(
    value: str | None, read: Callable[[str], _Value | None], problem: str, path: str, warnings: Warnings
) -> _Value | None:
    if not value or not (stripped := value.strip()):
        return None
    try:
        result = read(stripped)
    except (ValueError, OverflowError):
        result = None
    if result is None:
        warnings.add(path, problem)
    return result


def _noted(reading: tuple[_Value | None, str | None], path: str, warnings: Warnings) -> _Value | None:
    value, problem = reading
    if problem:
        warnings.add(path, problem)
    return value


@functools.lru_cache(maxsize=10_000)
def _day_of(value: str) -> tuple[date | None, str | None]:
    return read_day(value)


def _read_amount(value: str) -> Decimal | None:
    if len(value) > _MAX_AMOUNT_LENGTH:
        return None
    if _AMOUNT_OF_JAVA.fullmatch(value):
        return Decimal(format(Decimal(value), "f"))
    return Decimal(value) if _AMOUNT.fullmatch(value) else None


def _read_offset(value: str) -> timedelta | None:
    return _offset_of(value) if len(value) <= _MAX_OFFSET_LENGTH else None


@functools.lru_cache(maxsize=10_000)
def _offset_of(value: str) -> timedelta | None:
    match = _OFFSET.fullmatch(value)
    if not match:
        return None
    hours, minutes, seconds, fraction = match.groups()
    return timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds) + float(fraction or 0))
