"""Story: what happens in a simulated campaign, a call at one node of a workflow. Each kind of push tells its part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any


def vendors_time(moment: datetime) -> str:
    """A moment in UTC as the vendor writes it, to the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True)
class StoryCallee:
    """A person, and the case that they are called about. A text may be empty."""

    number: str
    """E.164"""
    name: str
    gender: str
    location: str
    platform: str
    case_id: str
    segment: str
    answers: tuple[tuple[str, str], ...]
    """Questions and their contents"""
    variables: Mapping[str, Any]
    comments: str
    borrowed_on: date
    due_on: date
    borrowed: Decimal
    owing: Decimal
    currency: str


@dataclass(frozen=True)
class StoryTurn:
    """What the robot said, and then the callee."""

    offset: timedelta
    robot: str
    callee: str


@dataclass(frozen=True)
class StoryCall:
    """A call, its times in UTC."""

    task_id: str
    call_id: str
    started_at: datetime
    ended_at: datetime
    attempt: int
    """From 1"""
    ring_type: str | None
    hangup_type: str
    intention: str
    labels: Mapping[str, str]
    promise: str
    turns: tuple[StoryTurn, ...]


@dataclass(frozen=True)
class Story:
    """One call, and the node that pushes it."""

    workflow_id: str
    workflow_name: str
    node_id: str
    node_name: str
    callee: StoryCallee
    call: StoryCall
    attributes: Mapping[str, Any]
    """What the node adds to the call"""
