"""A kind of push that the vendor does not send: all that a new kind takes, beside its line in `ingest.kinds`."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from ingest.kinds.kind import Ids, Kind, Origin
from ingest.kinds.reading import values
from ingest.kinds.reading.warn import Warnings
from ingest.kinds.story import Story
from ingest.tables.rows import CalleeRow, CallRow, Row, WorkflowRow


class Recipient(Struct):
    """Who the parcel is for."""

    phone_number: str | None = None
    full_name: str | None = None


class ParcelPush(Struct):
    """A parcel was handed over, as was arranged in a call."""

    flow_id: str | None = None
    call_id: str | None = None
    recipient: Recipient | None = None
    hangup_type: str | None = None
    tries: int | None = None


def ids(push: ParcelPush, warnings: Warnings) -> Ids:
    """What a push is about."""
    recipient = push.recipient or Recipient()
    return Ids(
        workflow_id=values.identifier(push.flow_id, "$.flow_id", warnings),
        callee_number=values.callee_number(recipient.phone_number, "$.recipient.phone_number", warnings),
        call_id=values.identifier(push.call_id, "$.call_id", warnings),
    )


def rows(push: ParcelPush, origin: Origin) -> Iterator[Row | None]:
    """What a push tells of each thing."""
    source, version, about = origin.source, origin.version, origin.ids
    if about.workflow_id:
        yield WorkflowRow(*version, source, about.workflow_id)
    if about.callee_number and push.recipient:
        yield CalleeRow(*version, source, about.callee_number, name=push.recipient.full_name or None)
    if about.call_id:
        yield CallRow(
            *version,
            source,
            about.call_id,
            callee_number=about.callee_number,
            attempt=values.integer(push.tries, "$.tries", origin.warnings),
            hangup_type=push.hangup_type or None,
        )


def simulate(story: Story, chance: random.Random) -> dict[str, Any]:
    """The push of a story."""
    return {
        "flow_id": story.workflow_id,
        "call_id": story.call.call_id,
        "recipient": {"phone_number": story.callee.number, "full_name": story.callee.name},
        "hangup_type": story.call.hangup_type,
        "tries": chance.randrange(1, 4),
    }


KIND = Kind("parcel", ParcelPush, ids, rows, simulate)
