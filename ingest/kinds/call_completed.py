"""Call completed: AI Rudder is done with a number of a task, as it was reached or its redials are exhausted.

The body is not documented, but how it is made is: its fields mean what those of the task-detail API mean, beside those
of the workflow, so PascalCase stands beside snake_case, and fields are told apart without case and underscores. No
field has to be there.

No call id is documented. So what a push tells is a row of `completed_calls`, by what the vendor's own answer about a
task can be matched with: number, task and start. A task that calls a number for two cases has a start for each; a push
without a start, as of a call that was cancelled, has one row a number and task. Where a call id comes the push tells
the row in `calls`, too, and `completed_calls.call_id` leads there; the row here stays, as only it has the status.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import Struct

from ingest.kinds.kind import Ids, Kind, Origin
from ingest.kinds.reading import texts, values
from ingest.kinds.reading.aliases import plain
from ingest.kinds.reading.free_json import json_of, text_or_json
from ingest.kinds.reading.warn import Warnings
from ingest.kinds.story import Story, vendors_time
from ingest.tables.json_text import Json
from ingest.tables.rows import CalleeRow, CallRow, CaseRow, CompletedCallRow, NodeTaskRow, Row, WorkflowRow

WITHOUT_TIMES = ("pending", "cancelled", "canceled")
"""The status of a number that was not called, as the task-detail API has it: times that come with it mean nothing"""
NOT_CALLED = "not of a call, by its status: taken for no time"


class CallCompletedPush(Struct):
    """The body of the push; warnings name its fields as they are here, however they were spelt."""

    workflow_id: str | None = None
    workflow_name: str | None = None
    nodetask_id: str | None = None
    nodetask_name: str | None = None
    case_id: str | None = None
    task_id: str | None = None
    call_id: str | None = None
    """Not documented"""
    callee_number: str | None = None
    """Mobile in one API, Callee in another"""
    robot_id: str | None = None
    status: str | None = None
    call_start_time: str | None = None
    """ISO 8601, UTC"""
    call_end_time: str | None = None
    """ISO 8601, UTC"""
    ring_type: str | None = None
    hangup_type: str | None = None
    intention: Any = None
    """A letter, or `--`, which is a value as well"""
    multi_label: dict[str, Any] | None = None
    """Multi_intention in the task-detail API"""
    comments: str | None = None
    """What the customer gave with the number"""


_ALIASES = {
    **{plain(name): name for name in CallCompletedPush.__struct_fields__},
    **dict.fromkeys(("mobile", "callee"), "callee_number"),
    "multiintention": "multi_label",
}


def ids(push: CallCompletedPush, warnings: Warnings) -> Ids:
    """What a push is about."""
    return Ids(
        workflow_id=values.identifier(push.workflow_id, "$.workflow_id", warnings),
        task_id=values.identifier(push.task_id, "$.task_id", warnings),
        callee_number=values.callee_number(push.callee_number, "$.callee_number", warnings),
        case_id=values.identifier(push.case_id, "$.case_id", warnings),
        call_id=values.identifier(push.call_id, "$.call_id", warnings),
    )


def says_when(push: CallCompletedPush, about: Ids) -> bool:
    """Whether it is of one call, by its id or its times. A number that was not called may be so again."""
    if about.call_id or _was_not_called(push):
        return about.call_id is not None
    start, unheard = push.call_start_time, Warnings(frozenset())
    return bool(values.moment(start, "$", unheard) or values.moment(push.call_end_time, "$", unheard))


def rows(push: CallCompletedPush, origin: Origin) -> Iterator[Row | None]:
    """What a push tells of each thing."""
    source, version, about = origin.source, origin.version, origin.ids
    nodetask_id = values.identifier(push.nodetask_id, "$.nodetask_id", origin.warnings)
    if about.workflow_id:
        yield WorkflowRow(*version, source, about.workflow_id, texts.free_text(push.workflow_name))
        if nodetask_id:
            yield NodeTaskRow(*version, source, about.workflow_id, nodetask_id, texts.free_text(push.nodetask_name))
    result = _result(push, origin.warnings)
    if number := about.callee_number:
        yield CalleeRow(*version, source, number, push.callee_number, values.country_of(number))
        if about.case_id:
            yield CaseRow(*version, source, number, about.case_id)
        yield _completed(push, number, nodetask_id, result, origin)
    else:
        origin.warnings.add("$.callee_number", "missing: the completed call is not stored")
    if about.call_id:
        yield CallRow(
            *version,
            source,
            about.call_id,
            about.task_id,
            about.callee_number,
            about.case_id,
            about.workflow_id,
            **result._asdict(),
        )


class _Result(NamedTuple):
    """What both tables have of a call."""

    started_at: datetime | None
    ended_at: datetime | None
    ring_type: str | None
    hangup_type: str | None
    intention: str | None
    multi_label: Json | None


def _result(push: CallCompletedPush, warnings: Warnings) -> _Result:
    return _Result(
        *_period(push, warnings),
        texts.word(push.ring_type),
        texts.word(push.hangup_type),
        texts.word(text_or_json(push.intention, "$.intention", warnings)),
        json_of(push.multi_label, "$.multi_label", warnings),
    )


def _was_not_called(push: CallCompletedPush) -> bool:
    return (push.status or "").strip().lower() in WITHOUT_TIMES


def _period(push: CallCompletedPush, warnings: Warnings) -> values.Period:
    start, end = (push.call_start_time, "$.call_start_time"), (push.call_end_time, "$.call_end_time")
    if not _was_not_called(push):
        return values.period(start, end, warnings)
    for sent, path in (start, end):
        if sent and sent.strip():
            warnings.add(path, NOT_CALLED)
    return None, None


def _completed(
    push: CallCompletedPush, number: str, nodetask_id: str | None, result: _Result, origin: Origin
) -> CompletedCallRow:
    about = origin.ids
    return CompletedCallRow(
        *origin.version,
        origin.source,
        number,
        about.task_id or "",
        result.started_at.isoformat() if result.started_at else "",
        about.case_id,
        about.workflow_id,
        nodetask_id,
        about.call_id,
        values.identifier(push.robot_id, "$.robot_id", origin.warnings),
        texts.word(push.status),
        **result._asdict(),
        comments=texts.free_text(push.comments),
    )


def simulate(story: Story, _chance: random.Random) -> dict[str, Any]:
    """The push of a story; the names are spelt as those who pull such calls have seen them."""
    call = story.call
    return {
        "workflow_id": story.workflow_id,
        "workflow_name": story.workflow_name,
        "nodetask_id": story.node_id,
        "nodetask_name": story.node_name,
        "case_id": story.callee.case_id,
        "TaskID": call.task_id,
        "Mobile": story.callee.number,
        "Status": "finished",
        "CallStartTime": vendors_time(call.started_at),
        "CallEndTime": vendors_time(call.ended_at),
        "RingType": call.ring_type,
        "HangupType": call.hangup_type,
        "Intention": call.intention or "--",
        "Multi_intention": {**call.labels},
        "Comments": story.callee.comments,
    }


KIND = Kind("call-completed", CallCompletedPush, ids, rows, simulate, _ALIASES, says_when=says_when)
