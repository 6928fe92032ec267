"""Moments: the spellings of a time, or a date, that programs write. What could be two times is none.

A program without a time writes its zero or its maximum: year 1 (Go, .NET), 1970 (Unix), 1900 (spreadsheets), 2000
(Postgres), 2001 (Apple), 2079 (SQL Server), 2099 (people), 9999. None of these is when somebody was called, so a time
outside the years of calls is no time.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from ingest.kinds.reading.identifiers import canonical_id, decimal_digits
from ingest.kinds.reading.keyboard import on_keyboard

NOT_A_TIME = "not a time"
NO_TIME = "no time: before any call, or after all of them"
CUT = "cut to the microsecond"
NOT_A_DAY = "not a date of the form YYYY-MM-DD"
NO_DAY = "no date: a program's zero or its maximum"

_FIRST, _NONE_FROM = datetime(2001, 1, 2, tzinfo=UTC), datetime(2079, 6, 5, tzinfo=UTC)
"""Of calls: robots have called for some years only. A day is left beside Apple's zero and SQL Server's maximum, as they
may be of another zone, and hours off in UTC."""
_LAST_OF_32_BITS = datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC)
_FIRST_DAY, _LAST_DAY = date(1970, 1, 2), date(2199, 12, 31)
"""Of loans: they may be older than any call, and due after the last one."""
_MAXIMA = frozenset((date(2079, 6, 6), date(2099, 12, 31)))
"""Days among these that stand for never"""

MOMENT_DIGITS = 8
"""So many digits a program writes only if it writes all. Java writes 1764417600000 as 1.7644176E12, and no digit of it
is lost; spreadsheets show six, and C seven."""
_WITH_EXPONENT = re.compile(r"\d\.(\d+)e\+?(\d{1,2})", re.ASCII | re.IGNORECASE)
_OF_JAVA = re.compile(rf"\d\.\d{{{MOMENT_DIGITS - 2},}}[1-9]E\d\d?", re.ASCII)
_EPOCH = re.compile(r"(\d{10})(|\d{3}|\d{6}|\d{9})(?:[.,](\d{1,18}))?", re.ASCII)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+)?"
_MONTH = rf"(?P<month>(?:{'|'.join(_MONTHS)})[a-z]*)\.?"
_DAY = r"(?P<day>\d\d?)"
_YEAR = r"(?P<year>\d{4})"
_TIME = (
    r"(?P<hour>\d\d|\d(?=:))(?P<colon>:?)(?P<minute>\d\d)(?:(?P=colon)(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,18}))?)?"
    r"(?:\s*(?P<half>[ap])\.?m\.?)?"
)
_ZONE = r"(?P<zone>.*?)"
"""Read on its own, see `_ZONES`"""
_THEN = r",?(?:\s+at)?\s+"
_FORMS = tuple(
    re.compile(form, re.ASCII | re.IGNORECASE)
    for form in (
        rf"{_YEAR}(?P<mark>[-/]?)(?P<month>\d\d)(?P=mark)(?P<day>\d\d)(?:t|\s+|){_TIME}{_ZONE}",
        rf"{_YEAR}-?w(?P<week>\d\d)-?(?P<weekday>\d)(?:t|\s+){_TIME}{_ZONE}",
        rf"{_WEEKDAY}{_DAY}[\s-]+{_MONTH}[\s,-]+{_YEAR}{_THEN}{_TIME}{_ZONE}",  # RFC 1123, RFC 5322
        rf"{_WEEKDAY}{_MONTH}\s+{_DAY},?\s+{_YEAR}{_THEN}{_TIME}{_ZONE}",  # JavaScript, Gson
        rf"{_WEEKDAY}{_MONTH}\s+{_DAY}\s+{_TIME}{_ZONE}\s+{_YEAR}",  # C, Java
    )
)
_UTC = r"(?:(?:etc/)?(?:z|zulu|utc|uct|ut|gmt|universal)|coordinated\s+universal\s+time)"
_ZERO = r"[-+\u00b1]00(?::?00)?"
_OFFSET = r"(?:utc|gmt)?(?P<sign>[+-])(?P<hours>\d\d?)(?::?(?P<minutes>\d\d))?"
_NAME = r"\s+(?:(?![ap]m\b)[a-z]{2,5}|[+-]\d\d(?:\d\d)?)"
_REMARK = r"(?:\s*\[[^\]]*\]|\s+\([^)]*\))?(?:\s+m=[+-][\d.]+)?"
_ZONES = tuple(
    re.compile(form, re.ASCII | re.IGNORECASE)
    for form in (
        r"",  # none is UTC, as the vendor documents
        rf"(?:\s*(?:{_UTC}|{_ZERO})){{1,2}}{_REMARK}",  # Python adds a Z to +00:00
        rf"\s*{_OFFSET}(?:{_NAME})?{_REMARK}",
        rf"\s*(?:\[{_UTC}\]|\({_UTC}\))",
    )
)
"""In numbers, or a name of UTC; other names mean several zones each, and are believed beside a number only."""
_OF_DOTNET = re.compile(r"\\?/Date\((\d{12,14})(?:[+-]\d{4})?\)\\?/", re.ASCII)
"""Milliseconds since 1970; the zone behind them says how to show them, not what they mean."""
_AROUND = " '\""
"""Of a cell that is to stay a text, or a text that was encoded twice"""
_MAX_LENGTH = 100
"""Characters. No program writes so long a time."""
_MAX_OFFSET = timedelta(hours=14)
"""Of any zone from UTC"""
_DATE = re.compile(
    rf"(\d{{4}}-\d\d-\d\d)(?:[T ]00:00(?::00(?:\.0{{1,9}})?)?(?:\s*(?:{_UTC}|{_ZERO})){{0,2}})?",
    re.ASCII | re.IGNORECASE,
)
"""Midnight of UTC, as a program writes a date that it has as a time. Other times and zones may mean the day beside."""


class Moment(NamedTuple):
    """A time in UTC or a date, and what is to be warned of."""

    value: datetime | None
    problem: str | None = None


def read_moment(text: str) -> Moment:
    """The time that a text without surrounding space spells; one without a zone is UTC, as the vendor documents."""
    try:
        moment, is_cut = _read(text)
    except (ValueError, OverflowError):
        return Moment(None, NOT_A_TIME)
    if not is_of_calls(moment):
        return Moment(None, NO_TIME)
    return Moment(moment, CUT if is_cut else None)


def is_of_calls(moment: datetime) -> bool:
    """Whether somebody may have been called then."""
    # MySQL writes the last second of 32 bits with microseconds, too.
    is_last = moment.year == _LAST_OF_32_BITS.year and moment.replace(microsecond=0) == _LAST_OF_32_BITS
    return _FIRST <= moment < _NONE_FROM and not is_last


def read_day(text: str) -> tuple[date | None, str | None]:
    """The date that a text without surrounding space spells, and what is to be warned of."""
    match = _DATE.fullmatch(canonical_id(text).strip(_AROUND))  # its digits stay of their script
    try:
        day = date.fromisoformat(match[1]) if match else None
    except ValueError:
        day = None
    if day is None:
        return None, NOT_A_DAY
    return (day, None) if _FIRST_DAY <= day <= _LAST_DAY and day not in _MAXIMA else (None, NO_DAY)


def _read(text: str) -> tuple[datetime, bool]:
    if len(text) > _MAX_LENGTH:
        raise ValueError("too long for a time")
    text = on_keyboard(text).strip(_AROUND)
    if match := _OF_DOTNET.fullmatch(text):
        text = match[1]
    elif (match := _WITH_EXPONENT.fullmatch(text)) and (len(match[1]) >= int(match[2]) or _OF_JAVA.fullmatch(text)):
        text = decimal_digits(Decimal(text))
    if match := _EPOCH.fullmatch(text):
        # As many digits as today's seconds, milliseconds, microseconds or nanoseconds since 1970 have.
        fraction = match[2] + (match[3] or "")
        return datetime.fromtimestamp(int(match[1]), UTC) + _fraction(fraction), _is_finer(fraction)
    for form in _FORMS:
        if match := form.fullmatch(text):
            return _moment_of(match.groupdict())
    raise ValueError("in none of the forms")


def _moment_of(part: dict[str, str | None]) -> tuple[datetime, bool]:
    fraction = part["fraction"] or ""
    minute, second = int(part["minute"] or 0), int(part["second"] or 0)
    is_leap_second = second == 60
    time = _time_of_day(_hour_of(part), minute, second - is_leap_second, fraction)
    moment = datetime.combine(_date_of(part), datetime.min.time(), UTC) + time - _offset(part["zone"] or "")
    if is_leap_second:
        moment += timedelta(seconds=1)
        if (moment.hour, moment.minute) != (0, 0):
            raise ValueError("a leap second is the last one of a day of UTC")
    return moment + _fraction(fraction), _is_finer(fraction)


def _hour_of(part: dict[str, str | None]) -> int:
    hour = int(part["hour"] or 0)
    if not part["half"]:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError("no hour of half a day")
    return hour % 12 + (12 if part["half"] in "pP" else 0)


def _time_of_day(hour: int, minute: int, second: int, fraction: str) -> timedelta:
    is_end_of_day = hour == 24 and not (minute or second or fraction.strip("0"))
    if (hour > 23 and not is_end_of_day) or minute > 59 or second > 59:
        raise ValueError("no time of a day")
    return timedelta(hours=hour, minutes=minute, seconds=second)


def _date_of(part: dict[str, str | None]) -> date:
    year = int(part["year"] or 0)
    if part.get("week"):
        return date.fromisocalendar(year, int(part["week"] or 0), int(part["weekday"] or 0))
    month = part["month"] or ""
    number = int(month) if month.isdecimal() else _MONTHS.index(month[:3].lower()) + 1
    return date(year, number, int(part["day"] or 0))


def _offset(zone: str) -> timedelta:
    match = next(filter(None, (form.fullmatch(zone) for form in _ZONES)), None)
    if match is None:
        raise ValueError("nobody can tell which zone")
    part = match.groupdict()
    minutes = int(part.get("minutes") or 0)
    offset = timedelta(hours=int(part.get("hours") or 0), minutes=minutes)
    if minutes > 59 or offset > _MAX_OFFSET:
        raise ValueError("no zone's offset")
    return -offset if part.get("sign") == "-" else offset


def _fraction(digits: str) -> timedelta:
    return timedelta(microseconds=int(digits[:6].ljust(6, "0")))


def _is_finer(digits: str) -> bool:
    return digits[6:].strip("0") != ""
