"""Rows: one tuple class a table, its fields named as the columns and in their order.

A row begins with its version: the newest push that told of the row, and when that came. A push id begins with the
microsecond in which its push came, so the greater one is the newer. Then comes the key, up to `# -`. What the push was
silent about is None, and stays in the table as it was: `kept_from` names the older push that such a column is from.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from ingest.tables.dialer_rows import DialerRow
from ingest.tables.json_text import Json, KeptFrom


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
    recurrence: int = 0


class WorkflowRow(NamedTuple):
    """`workflows`"""

    received_at: datetime
    push_id: UUID
    source: str
    workflow_id: str
    # -
    name: str | None = None
    status: str | None = None
    kept_from: KeptFrom = None


class WorkflowStatusRow(NamedTuple):
    """`workflow_statuses`"""

    received_at: datetime
    push_id: UUID
    source: str
    workflow_id: str
    told_by: UUID
    # -
    status: str | None = None
    node_tasks: Json | None = None
    """`[{"nodetask_id": …, "name": …, "node_type": …, "task_id": …, "task_status": …}]`"""
    kept_from: KeptFrom = None


class NodeRow(NamedTuple):
    """`nodes`"""

    received_at: datetime
    push_id: UUID
    source: str
    workflow_id: str
    node_id: str
    # -
    name: str | None = None
    kept_from: KeptFrom = None


class NodeTaskRow(NamedTuple):
    """`node_tasks`"""

    received_at: datetime
    push_id: UUID
    source: str
    workflow_id: str
    nodetask_id: str
    # -
    name: str | None = None
    node_type: str | None = None
    task_id: str | None = None
    task_status: str | None = None
    kept_from: KeptFrom = None


class CalleeRow(NamedTuple):
    """`callees`"""

    received_at: datetime
    push_id: UUID
    source: str
    callee_number: str
    # -
    number_as_sent: str | None = None
    country: str | None = None
    name: str | None = None
    gender: str | None = None
    location: str | None = None
    platform_name: str | None = None
    kept_from: KeptFrom = None


class CaseRow(NamedTuple):
    """`cases`"""

    received_at: datetime
    push_id: UUID
    source: str
    callee_number: str
    case_id: str
    # -
    extra_a: str | None = None
    extra_b: str | None = None
    extra_c: str | None = None
    variables: Json | None = None
    comments: str | None = None
    borrowed_date: date | None = None
    due_date: date | None = None
    borrowed_amount: Decimal | None = None
    total_owing_amount: Decimal | None = None
    currency_unit: str | None = None
    answers: Json | None = None
    """`[{"question": …, "content": …}]`"""
    kept_from: KeptFrom = None


class ListCompletionRow(NamedTuple):
    """`list_completions`"""

    received_at: datetime
    push_id: UUID
    source: str
    callee_number: str
    workflow_id: str
    case_id: str
    # -
    nodes: Json | None = None
    """`[{"nodetask_id": …, "name": …, "node_type": …, "task_id": …}]`"""
    node_count: int | None = None
    kept_from: KeptFrom = None


class CompletedCallRow(NamedTuple):
    """`completed_calls`"""

    received_at: datetime
    push_id: UUID
    source: str
    callee_number: str
    task_id: str
    started: str
    # -
    case_id: str | None = None
    workflow_id: str | None = None
    nodetask_id: str | None = None
    call_id: str | None = None
    robot_id: str | None = None
    status: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    ring_type: str | None = None
    hangup_type: str | None = None
    intention: str | None = None
    multi_label: Json | None = None
    comments: str | None = None
    kept_from: KeptFrom = None


class CallRow(NamedTuple):
    """`calls`"""

    received_at: datetime
    push_id: UUID
    source: str
    call_id: str
    # -
    task_id: str | None = None
    callee_number: str | None = None
    case_id: str | None = None
    workflow_id: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    attempt: int | None = None
    ring_type: str | None = None
    hangup_type: str | None = None
    intention: str | None = None
    slots: str | None = None
    multi_label: Json | None = None
    asr_ptp: str | None = None
    transcript: Json | None = None
    """`[{"at": "00:00:09", "robot": …, "callee": …}]`"""
    turn_count: int | None = None
    callee_turn_count: int | None = None
    """Turns in which the callee said something"""
    callee_word_count: int | None = None
    kept_from: KeptFrom = None


class AttributesRow(NamedTuple):
    """`call_attributes`"""

    received_at: datetime
    push_id: UUID
    source: str
    call_id: str
    node_id: str
    # -
    custom_attribute: Json | None = None
    kept_from: KeptFrom = None


class SessionRow(NamedTuple):
    """`sessions`"""

    received_at: datetime
    push_id: UUID
    source: str
    session_id: str
    # -
    workflow_id: str | None = None
    nodetask_id: str | None = None
    nodetask_name: str | None = None
    task_id: str | None = None
    callee_number: str | None = None
    call_id: str | None = None
    robot_id: str | None = None
    channel: str | None = None
    channel_id: str | None = None
    status: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: str | None = None
    intention: str | None = None
    talk_rounds: int | None = None
    slots: Json | None = None
    labels: Json | None = None
    variables: Json | None = None
    messages: Json | None = None
    """`[{"id": …, "sender": "user", "at": …, "status": …, "content": {…}, "reply": {…}}]`"""
    message_count: int | None = None
    callee_message_count: int | None = None
    kept_from: KeptFrom = None


class QaReportRow(NamedTuple):
    """`qa_reports`"""

    received_at: datetime
    push_id: UUID
    source: str
    task_id: str
    # -
    details: Json | None = None
    """As the vendor sends them: `[{"Length": …, "AsrResults": […], "CheckPoint": […], "Scores": […]}]`"""
    detail_count: int | None = None
    kept_from: KeptFrom = None


Row = (
    WorkflowRow
    | WorkflowStatusRow
    | NodeRow
    | NodeTaskRow
    | CalleeRow
    | CaseRow
    | ListCompletionRow
    | CompletedCallRow
    | CallRow
    | AttributesRow
    | SessionRow
    | QaReportRow
    | DialerRow
)
"""What a push tells of one thing"""


class Normalised(NamedTuple):
    """What one push comes to: its own row, and what it tells of others."""

    push: PushRow
    rows: tuple[Row, ...] = ()
    says_when: bool = True
    """Whether its bytes are of one moment, so that the same bytes tell nothing new later that day"""
