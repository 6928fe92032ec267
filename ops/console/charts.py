"""Charts: series of history with their titles, as the page's script draws them and as a table tells them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from starlette.requests import Request

from ingest.errors import IngestError
from ops.console.asking import shared
from ops.history.look import History, look
from ops.history.series import Lines
from ops.history.slots import SPANS, Slots

SHARED_SECONDS = 10.0
"""Less than from one refreshing of charts to the next"""

Unit = Literal["pushes", "requests", "seconds"]

TITLES: dict[str, tuple[str, Unit]] = {
    "outcomes": ("Pushes received and stored", "pushes"),
    "kinds": ("Pushes by kind", "pushes"),
    "sources": ("Pushes by source", "pushes"),
    "lag": ("From acknowledged to stored", "seconds"),
    "acknowledgement": ("Until a push is acknowledged", "seconds"),
    "refusals": ("Requests refused, by reason", "requests"),
}
"""By the name of the series"""
SPAN_WORDS = {"1h": "hour", "24h": "24 hours", "7d": "7 days", "30d": "30 days"}


class LineSummary(NamedTuple):
    """A line in figures."""

    name: str
    total: float
    most: float
    last: float | None
    """In the newest slot of which anything is known"""


class Chart(NamedTuple):
    """One chart. Its lines may be named by a stranger."""

    name: str
    title: str
    unit: Unit
    slots: Slots
    lines: Lines

    @property
    def data(self) -> dict[str, Any]:
        """The same for the script that draws it."""
        lines = [{"name": name, "values": values} for name, values in self.lines.items()]
        return {"x": self.slots.begins, "lines": lines, "unit": self.unit}

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(value for values in self.lines.values() for value in values)

    @property
    def summaries(self) -> list[LineSummary]:
        """Each line in figures."""
        found = []
        for name, values in self.lines.items():
            known = [value for value in values if value is not None]
            found.append(LineSummary(name, sum(known), max(known, default=0), known[-1] if known else None))
        return found

    def rows(self) -> Iterator[tuple[datetime, list[float | None]]]:
        """Each slot of which anything is known with its numbers, the newest first."""
        for begin, *numbers in reversed(list(zip(self.slots.begins, *self.lines.values(), strict=True))):
            if any(number is not None for number in numbers):
                yield datetime.fromtimestamp(begin, UTC), numbers


def chart_of(history: History, name: str) -> Chart:
    """One of TITLES."""
    title, unit = TITLES[name]
    return Chart(name, title, unit, history.slots, getattr(history.series, name))


async def found(request: Request) -> dict[str, Any]:
    """The context of `_charts.html`. Where there are no charts it says why: the page around them is not to fail."""
    span = span_of(request)
    told: dict[str, Any] = {"span": span, "spans": SPAN_WORDS, "charts": [], "slots": None, "why_not": ""}
    try:
        history = await shared(request, SHARED_SECONDS, look, span)
    except IngestError as error:
        return told | {"why_not": str(error)}
    return told | {"charts": [chart_of(history, name) for name in TITLES], "slots": history.slots}


def span_of(request: Request) -> str:
    """The span that the address names, or the shortest."""
    span = request.query_params.get("span", "")
    return span if span in SPANS else next(iter(SPANS))
