"""Figures: how calls went, added up from what Postgres has counted. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from ops.queries import Row

OTHER = "other"
"""An intention that is neither a letter nor --, or a word of the vendor's that is not documented"""
NONE = "none"
"""No intention, or no word, was told."""
_LETTER = re.compile(r"[A-Za-z]|--")


class Figures(msgspec.Struct, frozen=True):
    """How some calls went. Durations are seconds, of those calls alone whose start and end are known."""

    calls: int = 0
    reached: int = 0
    """Somebody, or something, picked up: the transcript has a turn."""
    conversations: int = 0
    """The callee spoke."""
    first_at: datetime | None = None
    last_at: datetime | None = None
    """When the first and the last call began"""
    mean_seconds: float | None = None
    median_seconds: float | None = None
    intentions: dict[str, int] = {}
    """Calls by intention, the letters in their order, then what is none"""


def figures(by_intention: Iterable[Row], by_seconds: Iterable[Row]) -> Figures:
    """The figures of calls that were counted by intention, and once more by duration."""
    counted = list(by_intention)
    durations = {row["seconds"]: row["calls"] for row in by_seconds if row["seconds"] is not None}
    timed = sum(durations.values())
    return Figures(
        calls=sum(row["calls"] for row in counted),
        reached=sum(row["reached"] for row in counted),
        conversations=sum(row["conversations"] for row in counted),
        first_at=min((row["first_at"] for row in counted), default=None),
        last_at=max((row["last_at"] for row in counted), default=None),
        mean_seconds=sum(seconds * calls for seconds, calls in durations.items()) / timed if timed else None,
        median_seconds=median(durations),
        intentions=_by_letter(counted),
    )


def median(counts: Mapping[int, int]) -> float | None:
    """The median of values that are counted: half of them are not above it."""
    total = sum(counts.values())
    middle = {(total - 1) // 2, total // 2}
    found: list[int] = []
    before = 0
    for value in sorted(counts):
        found += [value for place in middle if before <= place < before + counts[value]]
        before += counts[value]
    return sum(found) / len(found) if found else None


def share(part: int, whole: int) -> float | None:
    """A part of a whole, from 0 to 1; None of nothing."""
    return part / whole if whole else None


def letter_of(intention: str | None) -> str | None:
    """An intention if it is a letter or --; any other may tell of a person."""
    return intention if intention is None or _LETTER.fullmatch(intention) else OTHER


def _by_letter(counted: Iterable[Row]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for row in counted:
        found[letter_of(row["intention"]) or NONE] += row["calls"]
    last = ["--", OTHER, NONE]
    return {name: found[name] for name in (*sorted(found.keys() - set(last)), *last) if found[name]}
