"""What a dialler's push tells: its ids, and a row a thing.

Rows of the dialler's own tables have the vendor's time for their version. Those of tables that other kinds tell of have
the push's own, as not every kind says when.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from ingest.batch.entry import body_digest
from ingest.kinds.dialer.payload import AGENT, CONTACT, TASK, Body, DialerPush
from ingest.kinds.dialer.values import TIMESTAMP, day_counters_of, results_of, time_of
from ingest.kinds.kind import Ids, Origin, Version
from ingest.kinds.reading import texts, values
from ingest.kinds.reading.free_json import json_of, text_or_json
from ingest.kinds.reading.warn import Warnings
from ingest.kinds.told_at import is_believable, version_at
from ingest.tables.dialer_rows import DialerAgentRow, DialerCallRow, DialerContactRow, DialerTaskRow
from ingest.tables.rows import CalleeRow, CallRow, Row

_IN_ORDER = {"CALLING": 1, "RINGING": 2, "ANSWERED": 3, "HANGUP": 4, "TALKRESULT": 5}
"""How a call goes: of two states of one millisecond the later one is the newer"""
FUTURE = "over an hour after the push came: taken for no time"


class _Told(NamedTuple):
    """What the rows of a push have in common."""

    body: Body
    origin: Origin
    version: Version
    digest: bytes
    at: datetime | None
    """When, as the vendor says"""
    state: str | None
    agent_name: str | None
    hangup_reason: int | None
    nth_call: int | None

    def is_in(self, state: str) -> bool:
        """Whether this is its state; installations of the vendor's differ in case."""
        return (self.state or "").upper() == state


def ids(push: DialerPush, warnings: Warnings) -> Ids:
    """What a push is about."""
    body = push.body or Body()
    return Ids(
        task_id=values.identifier(body.task_id, "$.body.taskId", warnings),
        callee_number=values.callee_number(body.phone_number, "$.body.phoneNumber", warnings),
        call_id=values.identifier(body.callid, "$.body.callid", warnings),
    )


def may_name_nothing(push: DialerPush) -> bool:
    """Whether it is of an agent: the vendor sends such pushes with nothing in them, and some without the agent's name.
    Of these the counters are nobody's that we know, and stay in the raw push."""
    return push.is_of(AGENT)


def says_when(push: DialerPush, about: Ids) -> bool:
    """Whether a state is of one moment. Of one call each state is; a task's or an agent's may come back."""
    is_of_call = about.call_id is not None and push.is_of(CONTACT)
    return is_of_call or time_of(push.body or Body(), Warnings(frozenset())) is not None


def rows(push: DialerPush, origin: Origin) -> Iterator[Row | None]:
    """What a push tells of each thing."""
    if push.body is None:
        return
    told = _told(push.body, origin)
    if push.is_of(CONTACT):
        yield _contact(told)
    elif push.is_of(AGENT):
        yield _agent(told)
    elif not push.is_of(TASK):
        origin.warnings.add("$.type", "not a type that is documented: only the call and the callee are stored")
    yield _task(told, is_its_state=push.is_of(TASK), is_its_group=not push.is_of(AGENT))
    yield _callee(told)
    yield from _call(told, is_its_state=push.is_of(CONTACT))


def _told(body: Body, origin: Origin) -> _Told:
    state = texts.word(body.state) or texts.word(body.state_of_agent)
    at, digest = _time_of(body, origin), body_digest(origin.body)
    version = version_at(at, digest, _IN_ORDER.get((state or "").upper(), 0)) if at else origin.version
    agent_name = values.name_key(body.agent_name, "$.body.agentName", origin.warnings)
    hangup_reason = values.integer(body.hangup_reason, "$.body.hangupReason", origin.warnings)
    nth_call = values.integer(body.nth_call, "$.body.nthCall", origin.warnings)
    return _Told(body, origin, version, digest, at, state, agent_name, hangup_reason, nth_call)


def _time_of(body: Body, origin: Origin) -> datetime | None:
    at = time_of(body, origin.warnings)
    if at is None or is_believable(at, origin.version[0]):
        return at
    origin.warnings.add(TIMESTAMP, FUTURE)
    return None


def _task(told: _Told, *, is_its_state: bool, is_its_group: bool) -> DialerTaskRow | None:
    """A contact's or an agent's push may name the task; its state is in its own alone, and an agent has a group too."""
    body, task_id = told.body, told.origin.ids.task_id
    name = texts.free_text(body.task_name)
    group_name = texts.free_text(body.group_name) if is_its_group else None
    if task_id and (is_its_state or name or group_name):
        state = told.state if is_its_state else None
        return DialerTaskRow(*told.version, told.origin.source, task_id, name, group_name, state, told.digest)
    if is_its_state or name:
        told.origin.warnings.add("$.body.taskId", "missing: the task is not stored")
    return None


def _contact(told: _Told) -> DialerContactRow | None:
    body, origin = told.body, told.origin
    warnings, number = origin.warnings, origin.ids.callee_number
    if not number:
        warnings.add("$.body.phoneNumber", "missing: the contact is not stored")
        return None
    return DialerContactRow(
        *told.version,
        origin.source,
        number,
        origin.ids.task_id or "",
        texts.free_text(body.contact_name),
        texts.free_text(body.address),
        texts.free_text(body.info1),
        texts.free_text(body.info2),
        texts.free_text(body.info3),
        texts.free_text(body.remark),
        values.callee_number(body.main_number, "$.body.mainNumber", warnings),
        texts.free_text(body.phone_tag),
        text_or_json(body.private_data, "$.body.privateData", warnings),
        json_of(body.customer_info, "$.body.customerInfo", warnings),
        results_of(body, warnings),
        told.state,
        told.hangup_reason,
        texts.free_text(body.talkremarks),
        told.nth_call,
        texts.free_text(body.rec_link),
        told.agent_name,
        told.digest,
    )


def _callee(told: _Told) -> CalleeRow | None:
    body, origin, number = told.body, told.origin, told.origin.ids.callee_number
    if not number:
        return None
    sent, country = body.phone_number or number, values.country_of(number)
    return CalleeRow(*origin.version, origin.source, number, sent, country, texts.free_text(body.contact_name))


def _call(told: _Told, *, is_its_state: bool) -> Iterator[Row]:
    """A call, in the table that all kinds share and in the dialler's; the state of an agent is not the call's."""
    body, origin, about = told.body, told.origin, told.origin.ids
    if not about.call_id:
        return
    yield CallRow(
        *origin.version,
        origin.source,
        about.call_id,
        about.task_id,
        about.callee_number,
        started_at=told.at if is_its_state and told.is_in("CALLING") else None,
        ended_at=told.at if is_its_state and told.is_in("HANGUP") else None,
    )
    yield DialerCallRow(
        *told.version,
        origin.source,
        about.call_id,
        about.task_id,
        about.callee_number,
        told.state if is_its_state else None,
        told.hangup_reason if is_its_state else None,
        told.agent_name,
        told.nth_call if is_its_state else None,
        texts.free_text(body.talkremarks),
        texts.free_text(body.rec_link),
        told.digest,
    )


def _agent(told: _Told) -> DialerAgentRow | None:
    body, origin = told.body, told.origin
    if not told.agent_name:
        if body != Body():
            origin.warnings.add("$.body.agentName", "missing: the agent is not stored")
        return None
    return DialerAgentRow(
        *told.version,
        origin.source,
        told.agent_name,
        texts.free_text(body.group_name),
        origin.ids.task_id,
        told.state,
        texts.word(body.register_state),
        texts.word(body.call_type),
        texts.free_text(body.talk_result_label),
        texts.free_text(body.display_talk_result),
        text_or_json(body.is_conceal_callee, "$.body.isConcealCallee", origin.warnings),
        texts.free_text(body.threeway_state),
        day_counters_of(body, origin.warnings),
        told.digest,
    )
