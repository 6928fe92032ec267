"""The day and the time zone that a reader has chosen, from the query of an address."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo

import msgspec
from starlette.requests import Request

from ops.console.rendering import query
from ops.days import zone_named

COMMON_ZONES = (
    "UTC", "Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura", "Asia/Manila", "Asia/Kolkata", "Asia/Karachi",
    "Asia/Bangkok", "Asia/Ho_Chi_Minh", "Asia/Kuala_Lumpur", "Asia/Singapore", "Asia/Shanghai", "Asia/Dubai",
    "Africa/Lagos", "Africa/Nairobi", "Africa/Cairo", "Europe/London", "America/Mexico_City", "America/Bogota",
    "America/Lima", "America/Sao_Paulo",
)  # fmt: skip
"""Where the vendor's customers call"""
_FIRST, _LAST = date(2000, 1, 1), date(2100, 1, 1)


class ChosenDay(msgspec.Struct, frozen=True):
    """A day of a zone. `wrong`: in words what could not be read, by field; then another one stands in for it."""

    day: date
    zone_name: str
    zone: tzinfo
    wrong: dict[str, str]

    @property
    def zones(self) -> list[str]:
        """Those to choose from."""
        return [*COMMON_ZONES, *({self.zone_name} - set(COMMON_ZONES))]

    @property
    def before(self) -> date:
        """The day before."""
        return self.day - timedelta(days=1)

    @property
    def after(self) -> date | None:
        """The day after; None of today."""
        return None if self.day >= _today(self.zone) else self.day + timedelta(days=1)

    def query(self, day: date | None = None, **more: object) -> str:
        """The query of an address that is about this day, or about another one in the same zone."""
        return query(day=day or self.day, zone="" if self.zone_name == "UTC" else self.zone_name, **more)


def chosen_day(request: Request) -> ChosenDay:
    """The day of an address; today where it names none."""
    wrong: dict[str, str] = {}
    name = request.query_params.get("zone") or "UTC"
    if (zone := zone_named(name)) is None:
        wrong["zone"] = "This machine knows no such time zone. Asia/Jakarta is one."
        name, zone = "UTC", UTC
    day = _today(zone)
    if text := request.query_params.get("day"):
        try:
            day = date.fromisoformat(text)
        except ValueError:
            wrong["day"] = "This is no day. 2026-11-24 is one."
    if not _FIRST <= day <= _LAST:
        wrong["day"] = f"Days are from {_FIRST} to {_LAST}."
        day = _today(zone)
    return ChosenDay(day, name, zone, wrong)


def _today(zone: tzinfo) -> date:
    return datetime.now(zone).date()
