"""One call: its facts, what was said in it, what nodes and the dialler add to it, and the pushes that told of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from psycopg import Connection

from ingest.settings import Settings
from ops import queries
from ops.campaigns import statements
from ops.campaigns.figures import letter_of
from ops.queries import Row
from ops.repair.masking import mask_value
from ops.trace.story import masked

MOST_TURNS = 500
"""Turns of a page, if they are short"""
MOST_CHARACTERS = 60_000
"""Of the turns of a page"""
LONGEST = 2_000
"""Characters of one text; of a longer one it is said how many more there are"""
MOST_ADDED = 50
"""Pushes about a call, and nodes that have added to it"""

_Connection = Connection[Row]


class Said(msgspec.Struct, frozen=True):
    """A text. `text` is None where it is masked, and begins a long one; its whole has so many words and characters."""

    text: str | None
    words: int
    characters: int

    @property
    def left_out(self) -> int:
        """How many characters of a long text are not shown."""
        return 0 if self.text is None else self.characters - len(self.text)


class ShownTurn(msgspec.Struct, frozen=True):
    """A turn of a transcript, its `number` from 1; `at` is the offset into the call, HH:MM:SS."""

    number: int
    at: str | None
    robot: Said | None
    callee: Said | None


class ShownTranscript(msgspec.Struct, frozen=True):
    """Some turns of a transcript. `turn_count`: of the whole, also where that is removed by its age."""

    turns: list[ShownTurn]
    turn_count: int
    is_kept: bool
    next_turn: int | None
    """The number of the turn behind these; None at the end"""


class AddedByNode(msgspec.Struct, frozen=True):
    """JSON that one node's push added to a call; its type and size where it is masked."""

    node_id: str
    node_name: str | None
    added: Any
    received_at: datetime
    push_id: UUID


class AboutCall(msgspec.Struct, frozen=True):
    """A push that told of a call. `warnings`: how many it has."""

    push_id: UUID
    received_at: datetime
    kind: str
    status: str
    node_id: str | None
    warnings: int | None


class Dialled(msgspec.Struct, frozen=True):
    """The dialler's news of a call. An agent's remarks and name are masked unless they were asked for."""

    state: str | None
    hangup_reason: int | None
    hangup_meaning: str | None
    agent_name: str | None
    nth_call: int | None
    talk_remarks: str | None


class OneCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call, as its newest pushes have it. Of a number and a case the last characters are shown. Of any other text
    that may tell of a person it is the type and length, unless the whole was asked for."""

    source: str
    call_id: str
    task_id: str | None
    workflow_id: str | None
    workflow_name: str | None
    number: str | None
    """The callee's, unmasked: it is for a link to their contacts, and not to be shown"""
    callee_number: str | None
    case_id: str | None
    started_at: datetime | None
    ended_at: datetime | None
    duration: timedelta | None
    attempt: int | None
    ring_type: str | None
    ring_meaning: str | None
    hangup_type: str | None
    hangup_meaning: str | None
    intention: str | None
    slots: str | None
    multi_label: Any
    asr_ptp: str | None
    callee_turn_count: int | None
    callee_word_count: int | None
    received_at: datetime
    push_id: UUID
    transcript: ShownTranscript
    attributes: list[AddedByNode]
    dialled: Dialled | None
    pushes: list[AboutCall]
    """The newest MOST_ADDED"""


def find_call(
    settings: Settings, source: str, call_id: str, first_turn: int = 1, *, unmasked: bool = False
) -> OneCall | None:
    """A call, with its transcript from a turn on; None if there is none of that source and id."""
    with queries.connect(settings) as connection:
        where: dict[str, Any] = {"source": source, "call_id": call_id, "most": MOST_ADDED}
        row = connection.execute(statements.CALL, where).fetchone()
        if row is None:
            return None
        where["workflow_id"] = row["workflow_id"]
        turns, count = row.pop("transcript"), row.pop("turn_count")
        return OneCall(
            number=row["callee_number"],
            transcript=_transcript(turns, count or 0, first_turn, unmasked),
            attributes=_attributes(connection, where, unmasked),
            dialled=_dialled(connection, where, unmasked),
            pushes=[AboutCall(**push) for push in connection.execute(statements.PUSHES_OF_CALL, where)],
            **(row if unmasked else _masked(row)),
        )


def _masked(row: Row) -> Row:
    ids = {name: row[name] and masked(row[name]) for name in ("callee_number", "case_id")}
    texts = {name: _hidden(row[name]) for name in ("slots", "multi_label", "asr_ptp")}
    words = {
        name: row[name] if row[meaning] else _hidden(row[name])
        for name, meaning in (("ring_type", "ring_meaning"), ("hangup_type", "hangup_meaning"))
    }
    return {**row, **ids, **texts, **words, "intention": letter_of(row["intention"])}


def _hidden(value: Any) -> str | None:
    return None if value is None else mask_value(value)


def _transcript(turns: list[dict[str, str]] | None, count: int, first: int, unmasked: bool) -> ShownTranscript:
    shown: list[ShownTurn] = []
    characters = 0
    first = max(first, 1)
    for number, turn in enumerate((turns or [])[first - 1 : first - 1 + MOST_TURNS], first):
        robot, callee = (_said(turn.get(who), unmasked) for who in ("robot", "callee"))
        characters += sum(len(said.text or "") for said in (robot, callee) if said)
        if shown and characters > MOST_CHARACTERS:
            break
        shown.append(ShownTurn(number, turn.get("at"), robot, callee))
    following = shown[-1].number + 1 if shown else None
    is_more = following is not None and following <= len(turns or [])
    return ShownTranscript(shown, count, turns is not None, following if is_more else None)


def _said(text: str | None, unmasked: bool) -> Said | None:
    return Said(text[:LONGEST] if unmasked else None, len(text.split()), len(text)) if text else None


def _attributes(connection: _Connection, where: Row, unmasked: bool) -> list[AddedByNode]:
    rows = connection.execute(statements.ATTRIBUTES_OF_CALL, where)
    return [
        AddedByNode(
            row["node_id"],
            row["node_name"],
            row["custom_attribute"] if unmasked else mask_value(row["custom_attribute"]),
            row["received_at"],
            row["push_id"],
        )
        for row in rows
    ]


def _dialled(connection: _Connection, where: Row, unmasked: bool) -> Dialled | None:
    row = connection.execute(statements.DIALER_CALL, where).fetchone()
    if row is None or unmasked:
        return Dialled(**row) if row else None
    return Dialled(**{**row, **{name: _hidden(row[name]) for name in ("state", "agent_name", "talk_remarks")}})
