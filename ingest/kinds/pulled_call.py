"""`pulled-call`: a call whose push is missing, as `ingest compare --repair` fetched it from the vendor's task detail.

The vendor tells no call id there, so the call's row has a made-up one that says so, `pulled:<task id>:<key>`. The same
call pulled again has the same key, and comes to the same row.

A number in the id would be plain to read, but a call keeps its id when its callee is erased, and analysts see it. So
`call_key` stands for number and start: it is made with the AIRUDDER_APP_SECRET, without which nobody can undo or guess
it. Whoever has that secret can ask the vendor for the call anyway.

If the call's own push comes after all, the call has two rows: nothing in it says that they are one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from ingest.kinds.kind import Ids, Kind, Origin
from ingest.kinds.reading import texts, values
from ingest.kinds.reading.free_json import json_of, text_or_json
from ingest.kinds.reading.warn import Warnings
from ingest.kinds.story import Story, vendors_time
from ingest.tables.rows import CalleeRow, CallRow, Row

TOOK_PLACE = "finished"
"""The status of a call that took place: of another's times, such as a pending one's, the vendor says nothing"""
_NAMES = {
    "mobile": "Mobile",
    "comments": "Comments",
    "status": "Status",
    "call_start_time": "CallStartTime",
    "call_end_time": "CallEndTime",
    "ring_type": "RingType",
    "hangup_type": "HangupType",
    "intention": "Intention",
    "robot_id": "RobotID",
    "multi_intention": "Multi_intention",
}


class DetailCall(Struct, rename=_NAMES):
    """One call of a task's detail."""

    mobile: str | None = None
    comments: str | None = None
    """The customer's own key, which may be anything: it stays in the raw push"""
    status: str | None = None
    """pending, finished, cancelled, …"""
    call_start_time: str | None = None
    call_end_time: str | None = None
    ring_type: str | None = None
    hangup_type: str | None = None
    intention: Any = None
    robot_id: str | None = None
    multi_intention: dict[str, Any] | None = None

    @property
    def took_place(self) -> bool:
        """Whether its status says that somebody was called."""
        return self.status is not None and self.status.strip().lower() == TOOK_PLACE

    def number(self, warnings: Warnings) -> str | None:
        """The callee's number, in E.164 where it can be read so."""
        return values.callee_number(self.mobile, "$.call.Mobile", warnings)

    def period(self, warnings: Warnings) -> values.Period:
        """When it began and ended, in UTC."""
        start, end = (self.call_start_time, "$.call.CallStartTime"), (self.call_end_time, "$.call.CallEndTime")
        return values.period(start, end, warnings)


class PulledPush(Struct):
    """One call, as the vendor has it, and what `ingest compare` knows of it."""

    task_id: str | None = None
    call_key: str | None = None
    call: DetailCall | None = None


def ids(push: PulledPush, warnings: Warnings) -> Ids:
    """What a push is about."""
    task_id = values.identifier(push.task_id, "$.task_id", warnings)
    key = values.identifier(push.call_key, "$.call_key", warnings)
    return Ids(
        task_id=task_id,
        callee_number=push.call.number(warnings) if push.call else None,
        call_id=values.identifier(f"pulled:{task_id}:{key}", "$.task_id", warnings) if task_id and key else None,
    )


def says_when(_push: PulledPush, about: Ids) -> bool:
    """Whether it is of one call: its key is made of its number and its start."""
    return about.call_id is not None


def rows(push: PulledPush, origin: Origin) -> Iterator[Row | None]:
    """What a push tells of each thing."""
    call, about, warnings = push.call or DetailCall(), origin.ids, origin.warnings
    if about.callee_number:
        country = values.country_of(about.callee_number)
        yield CalleeRow(*origin.version, origin.source, about.callee_number, call.mobile, country)
    if not about.call_id:
        warnings.add("$.call_key", "missing: the call is not stored")
    elif not call.took_place:
        warnings.add("$.call.Status", "not that of a call that took place: the call is not stored")
    else:
        yield _call(call, about.call_id, origin)


def _call(call: DetailCall, call_id: str, origin: Origin) -> CallRow:
    about, warnings = origin.ids, origin.warnings
    started_at, ended_at = call.period(warnings)
    return CallRow(
        *origin.version,
        origin.source,
        call_id,
        task_id=about.task_id,
        callee_number=about.callee_number,
        started_at=started_at,
        ended_at=ended_at,
        ring_type=texts.word(call.ring_type),
        hangup_type=texts.word(call.hangup_type),
        intention=texts.word(text_or_json(call.intention, "$.call.Intention", warnings)),
        multi_label=json_of(call.multi_intention, "$.call.Multi_intention", warnings),
    )


def simulate(story: Story, chance: random.Random) -> dict[str, Any]:
    """A story's call, pulled."""
    call = story.call
    return {
        "task_id": call.task_id,
        "call_key": f"{chance.getrandbits(128):032x}",
        "call": {
            "Mobile": story.callee.number,
            "Comments": story.callee.case_id,
            "Status": TOOK_PLACE,
            "CallStartTime": vendors_time(call.started_at),
            "CallEndTime": vendors_time(call.ended_at),
            "RingType": call.ring_type,
            "HangupType": call.hangup_type,
            "Intention": call.intention,
            "RobotID": "",
            "Multi_intention": {**call.labels},
        },
    }


KIND = Kind("pulled-call", PulledPush, ids, rows, simulate, says_when=says_when)
