"""Details: the vendor's answer on a task in; its calls that took place out, and how many others there are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from ingest.errors import VendorError
from ingest.kinds.pulled_call import DetailCall
from ingest.kinds.reading.clean import clean
from ingest.kinds.reading.decode import decode, typed_decoder
from ingest.kinds.reading.salvage import salvage
from ingest.kinds.reading.warn import Warnings
from ops.vendor.client import DETAIL

LONGEST_STATUS = 40
"""Characters that are shown of a status: the vendor's words are short."""


@dataclass(frozen=True)
class TheirCall:
    """A call that took place, as the vendor has it."""

    number: str | None
    """In E.164 where it can be read so"""
    started_at: datetime
    raw: msgspec.Raw
    """As received"""

    @property
    def second(self) -> int:
        """When it began, in whole seconds since 1970."""
        return int(self.started_at.timestamp())


@dataclass
class TaskDetail:
    """One task, as the vendor has it."""

    status: str = ""
    calls: list[TheirCall] = field(default_factory=list)
    """Those that are to be here; each once, however often it is listed"""
    others: Counter[str] = field(default_factory=Counter)
    """How many are not compared, by why: a status such as pending, `too new`, `no start`"""


class _Task(msgspec.Struct):
    status: Any = msgspec.field(default=None, name="Status")
    detail: list[msgspec.Raw] | None = None


class _DetailAnswer(msgspec.Struct):
    data: _Task | None = None
    code: int | None = None


_decoder = typed_decoder(dict[str, Any])


def read_detail(body: bytes, until: datetime) -> TaskDetail:
    """Read an answer; of calls that ended after `until` pushes may still be on their way. Raises VendorError."""
    try:
        answer = msgspec.json.decode(body, type=_DetailAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise VendorError(f"AI Rudder's {DETAIL} answered something else than documented") from None
    if answer.code not in (None, 0, 200):
        raise VendorError(f"AI Rudder's {DETAIL} answered with the code {answer.code}")
    task = answer.data or _Task()
    found = TaskDetail(task.status[:LONGEST_STATUS] if isinstance(task.status, str) else "")
    calls: dict[tuple[str | None, int], TheirCall] = {}
    for raw in task.detail or []:
        call = _read(bytes(raw))
        started_at, ended_at = call.period(_unheard())
        if why := _why_not(call, started_at, ended_at, until):
            found.others[why] += 1
        elif started_at:
            one = TheirCall(call.number(_unheard()), started_at, msgspec.Raw(bytes(raw)))
            calls.setdefault((one.number, one.second), one)
    found.calls = sorted(calls.values(), key=lambda one: (one.started_at, one.number or ""))
    return found


def _why_not(call: DetailCall, started_at: datetime | None, ended_at: datetime | None, until: datetime) -> str:
    if not call.took_place:
        return (call.status or "").strip().lower()[:LONGEST_STATUS] or "no status"
    if started_at is None:
        return "no start"
    return "too new" if (ended_at or started_at) > until else ""


def _read(raw: bytes) -> DetailCall:
    """An item as a call; one that is no object says nothing."""
    item = clean(decode(_decoder, raw), "$.call", _unheard()) if raw[:1] == b"{" else {}
    return salvage(DetailCall, item, "$.call", _unheard())


def _unheard() -> Warnings:
    """Warnings that nobody reads: once pulled, the push has its own."""
    return Warnings(frozenset())
