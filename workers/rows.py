"""Rows: one tuple class a table, its fields named as the columns (`workers.copy`) and in the order of the statement
that upserts it (`workers.statements`).

The fields before `# -` are the key. `received_at` and `push_id` are the version: the greater one is the newer row.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, NewType
from uuid import UUID

import msgspec

Json = NewType("Json", str)
"""JSON as text"""


class PushRow(NamedTuple):
    """`pushes`: a delivery and its outcome."""

    received_at: datetime
    push_id: UUID
    # -
    source: str
    kind: str
    body: bytes
    status: str
    error: str | None = None
    error_path: str | None = None
    warnings: Json | None = None
    workflow_id: str | None = None
    node_id: str | None = None
    callee_number: str | None = None
    case_id: str | None = None
    call_id: str | None = None
    custom_attribute: Json | None = None


class WorkflowRow(NamedTuple):
    """`workflows`"""

    source: str
    workflow_id: str
    # -
    name: str | None
    received_at: datetime
    push_id: UUID


class NodeRow(NamedTuple):
    """`nodes`"""

    source: str
    workflow_id: str
    node_id: str
    # -
    name: str | None
    received_at: datetime
    push_id: UUID


class CalleeRow(NamedTuple):
    """`callees`"""

    source: str
    callee_number: str
    # -
    number_as_sent: str
    country: str | None
    name: str | None
    gender: str | None
    location: str | None
    platform_name: str | None
    received_at: datetime
    push_id: UUID


class CaseRow(NamedTuple):
    """`cases`"""

    source: str
    callee_number: str
    case_id: str
    # -
    extra_a: str | None
    extra_b: str | None
    extra_c: str | None
    variables: Json | None
    comments: str | None
    borrowed_date: date | None
    due_date: date | None
    borrowed_amount: Decimal | None
    total_owing_amount: Decimal | None
    currency_unit: str | None
    received_at: datetime
    push_id: UUID


class AnswerRow(NamedTuple):
    """`case_answers`"""

    source: str
    callee_number: str
    case_id: str
    position: int
    # -
    question: str | None
    content: str | None


class CallRow(NamedTuple):
    """`calls`"""

    source: str
    call_id: str
    # -
    task_id: str | None
    callee_number: str | None
    case_id: str | None
    workflow_id: str | None
    started_at: datetime | None
    ended_at: datetime | None
    attempt: int | None
    ring_type: str | None
    hangup_type: str | None
    intention: str | None
    slots: str | None
    multi_label: Json | None
    asr_ptp: str | None
    received_at: datetime
    push_id: UUID


class AttributesRow(NamedTuple):
    """`call_attributes`"""

    source: str
    call_id: str
    node_id: str
    # -
    custom_attribute: Json
    received_at: datetime
    push_id: UUID


class TurnRow(NamedTuple):
    """`call_turns`"""

    source: str
    call_id: str
    position: int
    # -
    call_offset: timedelta | None
    robot_text: str | None
    callee_text: str | None


class Normalised(msgspec.Struct, frozen=True, gc=False):
    """What one push comes to: its own row, and at most one row of each other kind, with their children."""

    push: PushRow
    workflow: WorkflowRow | None = None
    node: NodeRow | None = None
    callee: CalleeRow | None = None
    case: CaseRow | None = None
    answers: list[AnswerRow] = []
    call: CallRow | None = None
    attributes: AttributesRow | None = None
    turns: list[TurnRow] = []
