"""What AI Rudder sends: msgspec structs of each push, as documented by the vendor.

Every field may be absent or null. Unknown fields are ignored here and stay in the raw push. A struct says what
a field should be; what to do with one that is not is `ingest.kinds.reading.salvage`'s business.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Turn(Struct, gc=False):
    """One turn of the talk: the robot's words, then the callee's."""

    time: str | None = None
    """Offset into the call, `HH:MM:SS`."""
    robottext: str | None = None
    text: str | None = None


class Answer(Struct, gc=False, rename="pascal"):
    """One question and its content from `callee.extra`; the vendor capitalises these keys."""

    content: str | None = None
    question: str | None = None


class Extend(Struct):
    """`callee.extend`: a wrapper around the customer's free variables."""

    variables: dict[str, Any] | None = None


class Callee(Struct):
    """The person called, and the case they are called about, as the customer uploaded them."""

    case_id: str | None = None
    callee_name: str | None = None
    callee_gender: str | None = None
    location: str | None = None
    callee_number: str | None = None
    platform_name: str | None = None
    extra_a: str | None = None
    extra_b: str | None = None
    extra_c: str | None = None
    extra: list[Answer] | None = None
    extend: Extend | None = None
    comments: str | None = None
    borrowed_date: str | None = None
    """`YYYY-MM-DD`"""
    due_date: str | None = None
    """`YYYY-MM-DD`"""
    borrowed_amount: str | None = None
    """A decimal number as text, `20000.00`"""
    total_owing_amount: str | None = None
    """A decimal number as text, `20310.23`"""
    currency_unit: str | None = None


class Call(Struct):
    """One call and its transcript."""

    task_id: str | None = None
    call_id: str | None = None
    call_start_time: str | None = None
    """ISO 8601, UTC"""
    call_end_time: str | None = None
    """ISO 8601, UTC"""
    call_times: int | None = None
    """Which attempt this call was, from 1"""
    ring_type: str | None = None
    hangup_type: str | None = None
    intention: Any = None
    """Untyped in the vendor's documentation; text in every example"""
    slots: str | None = None
    multi_label: dict[str, Any] | None = None
    asr_ptp: str | None = None
    asr_result: list[Turn] | None = None


class CustomApiPush(Struct):
    """The body of a Custom API Data Push: one call at one node of a workflow."""

    workflow_id: str | None = None
    workflow_name: str | None = None
    node_id: str | None = None
    node_name: str | None = None
    callee: Callee | None = None
    custom_attribute: dict[str, Any] | None = None
    """Belongs to the push, not to the call: two nodes may push one call with different attributes."""
    call: Call | None = None
