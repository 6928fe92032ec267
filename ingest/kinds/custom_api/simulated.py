"""Simulated Custom API Data Pushes: as documented, and a few that are not, in the ways of real senders."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from ingest.kinds.story import Story, StoryCall, StoryCallee, vendors_time

ODD_SHARE = 0.05
"""Of pushes: not as documented in some way, and to be normalised all the same"""

_Json = dict[str, Any]


def simulate(story: Story, chance: random.Random) -> _Json:
    """The push of a story."""
    push = {
        "workflow_id": story.workflow_id,
        "workflow_name": story.workflow_name,
        "node_id": story.node_id,
        "node_name": story.node_name,
        "callee": _callee(story.callee),
        "custom_attribute": {**story.attributes},
        "call": _call(story.call),
    }
    if chance.random() < ODD_SHARE:
        chance.choice(_ODDITIES)(push)
    return push


def _callee(callee: StoryCallee) -> _Json:
    return {
        "case_id": callee.case_id,
        "callee_name": callee.name,
        "callee_gender": callee.gender,
        "location": callee.location,
        "callee_number": callee.number,
        "platform_name": callee.platform,
        "extra_a": callee.segment,
        "extra_b": "",
        "extra_c": "",
        "extra": [{"Question": question, "Content": content} for question, content in callee.answers],
        "extend": {"variables": {**callee.variables}},
        "comments": callee.comments,
        "borrowed_date": callee.borrowed_on.isoformat(),
        "due_date": callee.due_on.isoformat(),
        "borrowed_amount": f"{callee.borrowed:.2f}",
        "total_owing_amount": f"{callee.owing:.2f}",
        "currency_unit": callee.currency,
    }


def _call(call: StoryCall) -> _Json:
    return {
        "task_id": call.task_id,
        "call_id": call.call_id,
        "call_start_time": vendors_time(call.started_at),
        "call_end_time": vendors_time(call.ended_at),
        "call_times": call.attempt,
        "ring_type": call.ring_type,
        "hangup_type": call.hangup_type,
        "intention": call.intention,
        "slots": "",
        "multi_label": {**call.labels},
        "asr_ptp": call.promise,
        "asr_result": [
            {"time": str(turn.offset).zfill(8), "robottext": turn.robot, "text": turn.callee} for turn in call.turns
        ],
    }


def _add_unknown_fields(push: _Json) -> None:
    push["recording"] = {"url": "", "seconds": 12}
    push["call"]["sip_code"] = 486


def _swap_types(push: _Json) -> None:
    push["call"]["call_times"] = str(push["call"]["call_times"])
    push["callee"]["total_owing_amount"] = float(push["callee"]["total_owing_amount"])


def _drop_plus(push: _Json) -> None:
    push["callee"]["callee_number"] = push["callee"]["callee_number"].removeprefix("+")


def _use_null_objects(push: _Json) -> None:
    push["custom_attribute"] = push["callee"]["extend"] = push["callee"]["extra"] = None


def _use_unknown_ring_type(push: _Json) -> None:
    push["call"]["ring_type"] = "voicemail"


def _break_dates(push: _Json) -> None:
    push["callee"]["due_date"] = "2021-02-30"
    push["call"]["call_end_time"] = "yesterday"


_ODDITIES: list[Callable[[_Json], None]] = [
    _add_unknown_fields,
    _swap_types,
    _drop_plus,
    _use_null_objects,
    _use_unknown_ring_type,
    _break_dates,
]
