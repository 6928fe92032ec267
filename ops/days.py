"""Days, moments and time zones, as people name them: a day is one of a zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class Period(NamedTuple):
    """From a moment to another one, which it does not include."""

    since: datetime
    until: datetime


def day_in(zone: tzinfo, day: date) -> Period:
    """A day as a zone has it: it may have 23 or 25 hours."""
    return days_in(zone, day, 1)


def days_in(zone: tzinfo, last: date, days: int) -> Period:
    """So many days of a zone, of which this is the last."""
    around = (last - timedelta(days=days - 1), last + timedelta(days=1))
    return Period(*(datetime.combine(one, time(), zone).astimezone(UTC) for one in around))


def zone_named(name: str) -> tzinfo | None:
    """The time zone of this name, such as Asia/Jakarta; None where this machine knows none."""
    try:
        # Of this one no database of zones is needed.
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def read_moment(text: str) -> datetime:
    """A moment as somebody has typed it, UTC unless the text says another zone. ValueError says how to write one."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("write a time as 2026-11-28 or 2026-11-28T09:30, in UTC, or with its zone") from None
