"""Merge: the rows of many pushes in; for each table the newest row of each key, sorted by key, out. Pure.

One statement must not meet a key twice, and two workers that write the same keys in the same order cannot deadlock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar
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

_Row = TypeVar("_Row", bound=tuple[Any, ...])


class Transcript(NamedTuple):
    """All turns of a call, as one push had them."""

    received_at: datetime
    push_id: UUID
    turns: list[TurnRow]


@dataclass(frozen=True)
class Tables:
    """What a batch writes, table by table: its rows by key, sorted by key."""

    pushes: list[PushRow]
    workflows: Mapping[Key, WorkflowRow]
    nodes: Mapping[Key, NodeRow]
    callees: Mapping[Key, CalleeRow]
    cases: Mapping[Key, CaseRow]
    answers: Mapping[Key, list[AnswerRow]]
    """By case; of the case's newest push only"""
    calls: Mapping[Key, CallRow]
    transcripts: Mapping[Key, Transcript]
    """By call; of the newest push that had any turns"""
    attributes: Mapping[Key, AttributesRow]


def merge(normalised: Iterable[Normalised]) -> Tables:
    """Bring the rows of many pushes together."""
    by_version = sorted(normalised, key=lambda one: one.push[:2])
    cases = _newest((one.case for one in by_version), 3)
    answers = {one.case[:3]: one.answers for one in by_version if one.case}
    calls = _newest((one.call for one in by_version), 2)
    transcripts = {
        one.call[:2]: Transcript(one.call.received_at, one.call.push_id, one.turns)
        for one in by_version
        if one.call and one.turns
    }
    return Tables(
        pushes=[one.push for one in by_version],
        workflows=_newest((one.workflow for one in by_version), 2),
        nodes=_newest((one.node for one in by_version), 3),
        callees=_newest((one.callee for one in by_version), 2),
        cases=cases,
        answers={key: answers[key] for key in cases if answers[key]},
        calls=calls,
        transcripts={key: transcripts[key] for key in calls if key in transcripts},
        attributes=_newest((one.attributes for one in by_version), 3),
    )


def _newest(by_version: Iterable[_Row | None], key_length: int) -> dict[Key, _Row]:
    key_of = itemgetter(*range(key_length))
    newest = {key_of(row): row for row in by_version if row is not None}
    return {key: newest[key] for key in sorted(newest)}
