"""The story that a trace gives: steps in the order of time, each of one push or of one batch."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec


class Event(StrEnum):
    """Kinds of steps, in their order where the times are the same."""

    RECEIVED = "received"
    REDELIVERED = "redelivered"
    ANSWERED = "answered"
    BATCH_OPENED = "batch opened"
    BATCH_WAITS = "batch waits"
    BATCH_TAKEN = "batch taken"
    TRIED = "tried"
    PENDING = "pending"
    SETTLED = "settled"
    DIED = "died"
    WARNED = "warned"
    WROTE = "wrote"
    REPLAYED = "replayed"
    DISCARDED = "discarded"
    ERASED = "erased"


_PLACES = {event: place for place, event in enumerate(Event)}


class TraceStep(msgspec.Struct, frozen=True):
    """One thing that happened. `at` is UTC; None where nobody knows when it was. `details` hold no value of a push but
    ids, and those of persons are masked unless they were asked for."""

    at: datetime | None
    event: Event
    push_id: UUID | None
    details: dict[str, Any]


class Trace(msgspec.Struct, frozen=True):
    """`found_as`: what the id is, such as "call id". `pushes`: how many the steps are of. `left_out`: what was not
    looked at, in words."""

    found_as: list[str]
    pushes: int
    left_out: list[str]
    steps: list[TraceStep]


def in_order(steps: Iterable[TraceStep]) -> list[TraceStep]:
    """The steps by time; one without a time comes last."""
    return sorted(steps, key=lambda one: (one.at is None, one.at.timestamp() if one.at else 0.0, _PLACES[one.event]))


def masked(value: Any) -> str:
    """An id that may tell who somebody is, such as a telephone number: its last two characters, if it has some more."""
    text = str(value)
    return f"…{text[-2:]}" if len(text) > len("12345") else "…"
