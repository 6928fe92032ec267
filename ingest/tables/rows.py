"""Rows: one tuple class a table, its fields named as the columns and in their order.

The fields before `# -` are the key. `push_id` is the row's version: the newest push that told of the row; a push id
begins with the microsecond in which its push came, so the greater one is the newer. What that push was silent about is
None, and stays in the table as it was: `kept_from` names the older push that such a column is from.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple, NewType
from uuid import UUID

Json = NewType("Json", str)
"""JSON as text"""

KeptFrom = dict[str, UUID] | None
"""By column, the push that it is from, where that is not the row's newest; None where all are from that one"""


class PushRow(NamedTuple):
    """`pushes`: a delivery and its outcome."""

    received_at: datetime
    push_id: UUID
    # -
    source: str
    kind: str
    body: bytes
    signature: str | None
    status: str
    error: str | None = None
    error_path: str | None = None
    warnings: Json | None = None
    workflow_id: str | None = None
    node_id: str | None = None
    task_id: str | None = None
    callee_number: str | None = None
    case_id: str | None = None
    call_id: str | None = None


class WorkflowRow(NamedTuple):
    """`workflows`"""

    source: str
    workflow_id: str
    # -
    name: str | None
    received_at: datetime
    push_id: UUID
    kept_from: KeptFrom = None


class NodeRow(NamedTuple):
    """`nodes`"""

    source: str
    workflow_id: str
    node_id: str
    # -
    name: str | None
    received_at: datetime
    push_id: UUID
    kept_from: KeptFrom = None


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
    kept_from: KeptFrom = None


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
    answers: Json | None
    """`[{"question": …, "content": …}]`"""
    received_at: datetime
    push_id: UUID
    kept_from: KeptFrom = None


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
    transcript: Json | None
    """`[{"at": "00:00:09", "robot": …, "callee": …}]`"""
    turn_count: int | None
    callee_turn_count: int | None
    """Turns in which the callee said something"""
    callee_word_count: int | None
    received_at: datetime
    push_id: UUID
    kept_from: KeptFrom = None


class AttributesRow(NamedTuple):
    """`call_attributes`"""

    source: str
    call_id: str
    node_id: str
    # -
    custom_attribute: Json
    received_at: datetime
    push_id: UUID
    kept_from: KeptFrom = None


Row = WorkflowRow | NodeRow | CalleeRow | CaseRow | CallRow | AttributesRow
"""What a push tells of one thing"""


class Normalised(NamedTuple):
    """What one push comes to: its own row, and what it tells of others."""

    push: PushRow
    rows: tuple[Row, ...] = ()
