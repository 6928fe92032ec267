"""Merge: the rows of many pushes in; for each table the newest row of each key, sorted by key, out. Pure.

One statement must not meet a key twice, and two workers that write the same keys in the same order cannot deadlock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

from workers.rows import (
    AnswerRow,
    AttributesRow,
    CalleeRow,
    CallRow,
    CaseRow,
    NodeRow,
    Normalised,
    PushRow,
    TurnRow,
    WorkflowRow,
)

Key = tuple[Any, ...]


class _Versioned(Protocol):
    @property
    def received_at(self) -> datetime: ...
    @property
    def push_id(self) -> UUID: ...
    def __getitem__(self, key: slice, /) -> Key: ...


_Row = TypeVar("_Row", bound=_Versioned)


@dataclass(frozen=True)
class Transcript:
    """All turns of a call, as one push had them."""

    source: str
    call_id: str
    received_at: datetime
    push_id: UUID
    turns: list[TurnRow]

    def __getitem__(self, key: slice) -> Key:
        fields: Key = (self.source, self.call_id, self.received_at, self.push_id)
        return fields[key]


@dataclass(frozen=True)
class Tables:
    """What a batch writes, table by table."""

    pushes: list[PushRow]
    workflows: list[WorkflowRow]
    nodes: list[NodeRow]
    callees: list[CalleeRow]
    cases: list[CaseRow]
    answers: dict[Key, list[AnswerRow]]
    """By case; of the case's newest push only"""
    calls: list[CallRow]
    transcripts: dict[Key, Transcript]
    """By call; of the newest push that had any turns"""
    attributes: list[AttributesRow]


def merge(normalised: Sequence[Normalised]) -> Tables:
    """Bring the rows of many pushes together."""
    cases = _newest((one.case for one in normalised), 3)
    newest_case_pushes = {case.push_id for case in cases}
    return Tables(
        pushes=sorted((one.push for one in normalised), key=lambda row: row[:2]),
        workflows=_newest((one.workflow for one in normalised), 2),
        nodes=_newest((one.node for one in normalised), 3),
        callees=_newest((one.callee for one in normalised), 2),
        cases=cases,
        answers={
            one.answers[0][:3]: one.answers
            for one in normalised
            if one.answers and one.push.push_id in newest_case_pushes
        },
        calls=_newest((one.call for one in normalised), 2),
        transcripts={one[:2]: one for one in _newest((_transcript(one) for one in normalised), 2)},
        attributes=_newest((one.attributes for one in normalised), 3),
    )


def _transcript(one: Normalised) -> Transcript | None:
    if not (one.call and one.turns):
        return None
    return Transcript(one.call.source, one.call.call_id, one.call.received_at, one.call.push_id, one.turns)


def _newest(rows: Iterable[_Row | None], key_length: int) -> list[_Row]:
    newest: dict[Key, _Row] = {}
    for row in rows:
        if row is None:
            continue
        key = row[:key_length]
        known = newest.get(key)
        if known is None or (known.received_at, known.push_id) < (row.received_at, row.push_id):
            newest[key] = row
    return [newest[key] for key in sorted(newest)]
