"""`chatbot-session-ended`: a chatbot's talk with a callee in a workflow is over; its messages, slots and labels.

A session is known by `wfdetail_uuid`, the callee's run through the workflow: of the vendor's required ids it is the
only one that is no workflow's, task's or channel's. Messages stay in the order in which they came; their times may go
back.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from ingest.kinds.kind import Ids, Kind, Origin
from ingest.kinds.reading import texts, values
from ingest.kinds.reading.free_json import json_of
from ingest.kinds.reading.nothing import says_something
from ingest.kinds.reading.warn import Warnings
from ingest.kinds.story import Story, vendors_time
from ingest.tables.rows import CalleeRow, CallRow, Row, SessionRow, WorkflowRow


class Reply(Struct):
    """What a message answers."""

    msg_id: str | None = None
    sender_type: str | None = None
    timestamp: Any = None
    content: dict[str, Any] | None = None


class Message(Struct):
    """One message; `timestamp` in seconds since 1970, as a number or as text."""

    msg_id: str | None = None
    sender_type: str | None = None
    """system, chatbot, user"""
    timestamp: Any = None
    status: str | None = None
    """delivery, read"""
    content: dict[str, Any] | None = None
    """`type`, and the object of that type or a text"""
    reply: Reply | None = None


class SessionPush(Struct):
    """A session that has ended; `timestamp` in seconds since 1970."""

    workflow_id: str | None = None
    workflow_name: str | None = None
    nodetask_id: str | None = None
    nodetask_name: str | None = None
    waba_task_id: str | None = None
    wfdetail_uuid: str | None = None
    timestamp: int | None = None
    channel: str | None = None
    channel_id: str | None = None
    callee: str | None = None
    call_id: str | None = None
    robot_id: str | None = None
    status: str | None = None
    session_start_time: str | None = None
    session_end_time: str | None = None
    session_end_reason: str | None = None
    intention: str | None = None
    talk_round: int | None = None
    ner_slots: dict[str, Any] | None = None
    event_label: dict[str, Any] | None = None
    variables: dict[str, Any] | None = None
    messages: list[Message] | None = None


class StoredMessage(Struct, omit_defaults=True, gc=False):
    """One message in `sessions.messages`; what is null is left out."""

    id: str | None = None
    sender: str | None = None
    at: str | None = None
    """ISO 8601, UTC"""
    status: str | None = None
    content: dict[str, Any] | None = None
    reply: StoredMessage | None = None


_SAYS_NOTHING = StoredMessage()
_LONGEST = timedelta(days=31)
"""Of a session: each message of the callee's leaves it open for another day, and a callee may answer for weeks. No talk
about one case takes longer; an end that stands for none is years away."""


def ids(push: SessionPush, warnings: Warnings) -> Ids:
    """What a push is about."""
    return Ids(
        workflow_id=values.identifier(push.workflow_id, "$.workflow_id", warnings),
        task_id=values.identifier(push.waba_task_id, "$.waba_task_id", warnings),
        callee_number=values.callee_number(push.callee, "$.callee", warnings),
        call_id=values.identifier(push.call_id, "$.call_id", warnings),
    )


def says_when(push: SessionPush, _about: Ids) -> bool:
    """Whether it is of one session, which ends once, or of one moment."""
    unheard = Warnings(frozenset())
    if values.identifier(push.wfdetail_uuid, "$", unheard):
        return True
    times = (push.timestamp, push.session_start_time, push.session_end_time)
    return any(values.any_moment(sent, "$", unheard) for sent in times)


def rows(push: SessionPush, origin: Origin) -> Iterator[Row | None]:
    """What a push tells of each thing."""
    source, version, about = origin.source, origin.version, origin.ids
    if about.workflow_id:
        yield WorkflowRow(*version, source, about.workflow_id, name=texts.free_text(push.workflow_name))
    if about.callee_number:
        yield CalleeRow(*version, source, about.callee_number, push.callee, values.country_of(about.callee_number))
    if about.call_id:
        yield CallRow(*version, source, about.call_id, callee_number=about.callee_number, workflow_id=about.workflow_id)
    if session_id := values.identifier(push.wfdetail_uuid, "$.wfdetail_uuid", origin.warnings):
        yield _session(push, session_id, origin)
    else:
        origin.warnings.add("$.wfdetail_uuid", "missing: the session is not stored")


def _session(push: SessionPush, session_id: str, origin: Origin) -> SessionRow:
    about, warnings = origin.ids, origin.warnings
    messages = _messages(push.messages, warnings)
    told = json_of(msgspec.to_builtins(messages, builtin_types=(Decimal,)), "$.messages", warnings)
    start, end = (push.session_start_time, "$.session_start_time"), (push.session_end_time, "$.session_end_time")
    started_at, ended_at = values.period(start, end, warnings, _LONGEST)
    return SessionRow(
        *origin.version,
        origin.source,
        session_id,
        workflow_id=about.workflow_id,
        nodetask_id=values.identifier(push.nodetask_id, "$.nodetask_id", warnings),
        nodetask_name=texts.free_text(push.nodetask_name),
        task_id=about.task_id,
        callee_number=about.callee_number,
        call_id=about.call_id,
        robot_id=values.identifier(push.robot_id, "$.robot_id", warnings),
        channel=texts.word(push.channel),
        channel_id=texts.free_text(push.channel_id),
        status=texts.word(push.status),
        started_at=started_at,
        ended_at=ended_at,
        end_reason=texts.word(push.session_end_reason),
        intention=texts.word(push.intention),
        talk_rounds=values.integer(push.talk_round, "$.talk_round", warnings),
        slots=json_of(push.ner_slots, "$.ner_slots", warnings),
        labels=json_of(push.event_label, "$.event_label", warnings),
        variables=json_of(push.variables, "$.variables", warnings),
        messages=told,
        message_count=len(messages) if told else None,
        callee_message_count=sum(one.sender == "user" for one in messages) if told else None,
    )


def _messages(messages: list[Message] | None, warnings: Warnings) -> list[StoredMessage]:
    kept = values.bounded(messages or [], "$.messages", warnings)
    stored = [_message(one, f"$.messages[{place}]", warnings) for place, one in enumerate(kept)]
    # Where none says anything the push is silent about them.
    return stored if any(one != _SAYS_NOTHING for one in stored) else []


def _message(message: Message, path: str, warnings: Warnings) -> StoredMessage:
    sent = message.reply or Reply()
    reply = StoredMessage(
        id=texts.free_text(sent.msg_id),
        sender=texts.word(sent.sender_type),
        at=_moment(sent.timestamp, f"{path}.reply.timestamp", warnings),
        content=_content(sent.content),
    )
    return StoredMessage(
        id=texts.free_text(message.msg_id),
        sender=texts.word(message.sender_type),
        at=_moment(message.timestamp, f"{path}.timestamp", warnings),
        status=texts.word(message.status),
        content=_content(message.content),
        reply=None if reply == _SAYS_NOTHING else reply,
    )


def _content(sent: dict[str, Any] | None) -> dict[str, Any] | None:
    return sent if says_something(sent) else None


def _moment(sent: Any, path: str, warnings: Warnings) -> str | None:
    sent_at = values.any_moment(sent, path, warnings)
    return sent_at.isoformat() if sent_at else None


def simulate(story: Story, chance: random.Random) -> dict[str, Any]:
    """The chat that follows a story's call."""
    begun = story.call.ended_at + timedelta(minutes=chance.randrange(1, 60))
    messages = [
        {
            "msg_id": f"{chance.getrandbits(64):016x}",
            "sender_type": sender,
            "timestamp": int((begun + turn.offset).timestamp()),
            "status": chance.choice(["delivery", "read"]),
            "content": {"type": "text", "text": said},
        }
        for turn in story.call.turns
        for sender, said in (("chatbot", turn.robot), ("user", turn.callee))
    ]
    chance.shuffle(messages)
    ended = begun + timedelta(minutes=chance.randrange(1, 30))
    return {
        "workflow_id": story.workflow_id,
        "workflow_name": story.workflow_name,
        "nodetask_id": story.node_id,
        "nodetask_name": story.node_name,
        "waba_task_id": story.call.task_id,
        "wfdetail_uuid": f"{story.call.call_id}-session",
        "timestamp": int(ended.timestamp()),
        "channel": "WhatsApp",
        "channel_id": "628111000111",
        "callee": story.callee.number,
        "call_id": story.call.call_id,
        "status": "closed",
        "session_start_time": vendors_time(begun),
        "session_end_time": vendors_time(ended),
        "session_end_reason": chance.choice(["robot", "user"]),
        "intention": story.call.intention,
        "talk_round": len(story.call.turns),
        "ner_slots": {},
        "event_label": {**story.call.labels},
        "variables": {**story.callee.variables},
        "messages": messages,
    }


KIND = Kind("chatbot-session-ended", SessionPush, ids, rows, simulate, says_when=says_when)
