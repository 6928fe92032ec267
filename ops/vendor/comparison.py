"""Comparison: which calls of the vendor's are not among our rows. Pure: lists in, lists out.

The vendor's detail knows no call id. So a call is the same if task, number and start are. If our row lacks one of
them, as an erased person's does, the others have to do. Else an erasure would look like a loss.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any, NamedTuple

from ingest.kinds.reading.phone_numbers import E164
from ingest.kinds.reading.phone_spellings import spellings
from ops.vendor.details import TaskDetail, TheirCall

SHIFTS = (0, -1, 1, -2, 2)
"""Seconds by which the two starts may differ, the likelier first: one of them may be rounded. Nobody is called twice
within so short a time."""
_PASSES = (*((True, shift) for shift in SHIFTS), (True, None), *((False, shift) for shift in SHIFTS))
"""How a row is looked for, the surest first: whether by its number too, and how far its start may be shifted. None
stands for a row without a start."""


class OurCall(NamedTuple):
    """A call of the task, as a row of ours has it."""

    number: str | None
    started_at: datetime | None

    @property
    def second(self) -> int | None:
        """When it began, in whole seconds since 1970."""
        return int(self.started_at.timestamp()) if self.started_at else None


@dataclass
class Compared:
    """One task: what the vendor has, and what is missing here."""

    task_id: str
    detail: TaskDetail
    missing: list[TheirCall]
    repairable: list[TheirCall]
    """Those of the missing that may be pulled"""
    allowed: int
    """How many may be missing"""

    @property
    def is_good(self) -> bool:
        """Whether no more are missing than may be."""
        return len(self.missing) <= self.allowed

    def summary(self) -> dict[str, Any]:
        """The columns that are printed of the task."""
        total = len(self.detail.calls)
        return {
            "task_id": self.task_id,
            "status": self.detail.status,
            "vendor": total,
            "ours": total - len(self.missing),
            "missing": len(self.missing),
            "allowed": self.allowed,
            "not_compared": dict(self.detail.others),
        }

    def hours(self, zone: tzinfo) -> list[dict[str, Any]]:
        """The same by hour of call start in a zone, `2026-11-25T04`."""

        def counted(calls: Iterable[TheirCall]) -> Counter[str]:
            return Counter(f"{call.started_at.astimezone(zone):%Y-%m-%dT%H}" for call in calls)

        theirs, missing = counted(self.detail.calls), counted(self.missing)
        return [
            {"hour": hour, "vendor": total, "ours": total - missing[hour], "missing": missing[hour]}
            for hour, total in sorted(theirs.items())
        ]


def compared(task_id: str, detail: TaskDetail, ours: Sequence[OurCall], threshold: Decimal) -> Compared:
    """Hold a task's detail against our rows of it; `threshold`: the share, 0 to 1, that may be missing."""
    missing = missing_of(detail.calls, ours)
    nobodys = {call.second for call in ours if call.number is None}
    # One of two that began together may be an erased person's, whom a repair must not bring back.
    repairable = [call for call in missing if not any(call.second + shift in nobodys for shift in SHIFTS)]
    return Compared(task_id, detail, missing, repairable, math.ceil(len(detail.calls) * threshold))


def missing_of(theirs: Sequence[TheirCall], ours: Sequence[OurCall]) -> list[TheirCall]:
    """The vendor's calls that no row of ours is of; a row is of one call at most."""
    left = Counter((call.number, call.second) for call in ours)
    missing = list(theirs)
    for how in _PASSES:
        missing = [call for call in missing if not _take(left, _key(call, *how))]
    return _spelt_at_home(missing, left) if missing else []


_Key = tuple[str | None, int | None]


def _key(call: TheirCall, by_number: bool, shift: int | None) -> _Key:
    return call.number if by_number else None, None if shift is None else call.second + shift


def _take(left: Counter[_Key], key: _Key) -> bool:
    if left[key] <= 0:
        return False
    left[key] -= 1
    return True


def _spelt_at_home(missing: list[TheirCall], left: Counter[_Key]) -> list[TheirCall]:
    """Without those that one side has with its country and the other as it is dialled there."""
    spelt = {(one, second): (number, second) for number, second in +left for one in _spellings(number)}

    if not spelt:
        return missing

    def is_here(call: TheirCall) -> bool:
        keys = {spelt.get((one, call.second)) for one in _spellings(call.number)}
        return any(key and not _is_both(call.number, key[0]) and _take(left, key) for key in keys)

    return [call for call in missing if not is_here(call)]


def _spellings(number: str | None) -> frozenset[str]:
    return spellings(number) if number else frozenset()


def _is_both(one: str | None, other: str | None) -> bool:
    """Whether both have their country: then they are two persons'."""
    return all(number and E164.fullmatch(number) for number in (one, other))
