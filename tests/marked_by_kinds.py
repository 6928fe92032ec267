"""A person as every kind of push tells of them, made from the kinds: one that is added is covered without more ado."""

from __future__ import annotations

import functools
import json
import random
import typing
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from ingest.kinds import kind_of
from ingest.kinds.kind import Kind
from ingest.kinds.normalise import normalise
from ingest.kinds.reading.aliases import plain
from ingest.kinds.story import Story, StoryCall, StoryCallee, StoryTurn
from ingest.tables import TABLE_OF
from ingest.tables.rows import Normalised
from tests.corpus.documents import Field, fields, replaced
from tests.pushes import entry, ids_of

SEEDS = 60
"""So often a kind is asked for a push: those of rare forms are among them."""
STAYS = "{column}"

_Json = dict[str, Any]


@functools.cache
def told_by(kind_name: str, number: str, mark: str) -> tuple[_Json, ...]:
    """A body for each form of what the kind tells of a person, with the mark in all that may hold something personal:
    in what a story has of them, and in each other field of the struct that leads to no column that stays."""
    kind, story = kind_of(kind_name), _story(kind_name, number, mark)
    forms: dict[frozenset[str], _Json] = {}
    for seed in range(SEEDS):
        body = kind.simulate(story, random.Random(seed))
        forms.setdefault(frozenset(_paths(body)), body)
    return tuple(_filled(kind, body, mark) if number in json.dumps(body) else body for body in forms.values())


def _story(kind_name: str, number: str, mark: str) -> Story:
    begin = datetime(2025, 11, 24, 9, tzinfo=UTC)
    turn = StoryTurn(timedelta(0), f"Good morning {mark}", f"{mark} speaking, at {number}")
    callee = StoryCallee(
        number=number,
        name=f"name {mark}",
        gender=f"gender {mark}",
        location=f"location {mark}",
        platform=f"platform {mark}",
        case_id=f"case-{mark}",
        segment=f"segment {mark}",
        answers=((f"question {mark}", mark),),
        variables={f"key {mark}": mark},
        comments=f"comments {mark}, {number}",
        borrowed_on=date(2026, 1, 1),
        due_on=date(2026, 12, 1),
        borrowed=Decimal(1),
        owing=Decimal(2),
        currency="IDR",
    )
    call = StoryCall(
        task_id="task-1",
        call_id=f"of {kind_name}",
        started_at=begin,
        ended_at=begin + timedelta(seconds=7),
        attempt=1,
        ring_type="normal",
        hangup_type="ByCallee",
        intention=f"intention {mark}",
        labels={f"label {mark}": mark},
        promise=f"promise {mark}",
        turns=(turn,),
    )
    return Story("w1", "collections", "n1", "API1", callee, call, {f"attribute {mark}": mark})


def _paths(value: Any, above: str = "$") -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _paths(item, f"{above}.{key}")
    elif isinstance(value, list):
        for item in value:
            yield from _paths(item, f"{above}[]")
    else:
        yield above


def _filled(kind: Kind[Any], body: _Json, mark: str) -> _Json:
    """The body with the mark in more fields: the push is about the same then, and no column that stays has it."""
    if kind.struct is None:
        return {**body, "anything": {mark: mark}}
    names = ids_of(_normalised(kind, body).push)
    for field in fields(kind.struct):
        if _is_absent(kind, body, field.steps):
            marked = replaced(body, field.steps, _value(field, mark))
            told = _normalised(kind, marked)
            if told.push.status == "normalised" and ids_of(told.push) == names and not _stays(told, mark):
                body = marked
    return body


def _is_absent(kind: Kind[Any], body: Any, steps: Sequence[str | int]) -> bool:
    """Whether what a field belongs to is there, and the field is not."""
    for step in steps[:-1]:
        is_there = bool(body) if isinstance(body, list) else isinstance(body, dict) and step in body
        if not is_there:
            return False
        body = body[step]
    told = {kind.aliases.get(plain(name), name) for name in body} if kind.aliases and len(steps) == 1 else body
    return isinstance(body, dict) and steps[-1] not in told


def _value(field: Field, mark: str) -> Any:
    origin = typing.get_origin(field.type) or field.type
    return {f"{field.steps[-1]} {mark}": mark} if origin in (dict, Any) else f"{field.steps[-1]} {mark}"


def _normalised(kind: Kind[Any], body: _Json) -> Normalised:
    return normalise(msgspec.structs.replace(entry(body), kind=kind.name))


def _stays(told: Normalised, mark: str) -> bool:
    return any(
        mark in str(value)
        for row in told.rows
        for name, value in row._asdict().items()
        if (policy := TABLE_OF[type(row)].personal.get(name)) and policy.left == STAYS
    )
