"""A look at how it went: every series of a span, by one statement."""

from __future__ import annotations

import msgspec

from ingest.settings import Settings
from ops import queries
from ops.history.series import Series, series
from ops.history.slots import SPANS, Slots, read_slots


class History(msgspec.Struct, frozen=True):
    """Series, and the slots that they have a number for."""

    slots: Slots
    series: Series


def look(current: Settings, span: str) -> History:
    """`span`: one of SPANS. Raises PostgresAwayError and NotAllowedError."""
    with queries.connect(current) as connection:
        slots = read_slots(connection, SPANS[span])
    return History(slots, series(slots))
