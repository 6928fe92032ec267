"""Simulated pushes of a dialler: mostly of contacts, some of agents and tasks; a few not as documented."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from ingest.kinds.dialer.payload import AGENT, CONTACT, TASK
from ingest.kinds.story import Story

AGENT_SHARE, TASK_SHARE = 0.1, 0.02
"""Of pushes; the others are of contacts"""
PLAIN_SHARE = 0.1
"""Of numbers: without their plus"""
LIST_SHARE = 0.1
"""Of results: an array, as some answers of the vendor's have them"""

_HANGUP_REASONS = (0, 1, 2, 3, 4, 6, 7, 8, 9, 13, 14, 16, 20)
_TALKED = 12

_Json = dict[str, Any]


def simulate(story: Story, chance: random.Random) -> _Json:
    """A push of a story."""
    draw = chance.random()
    if draw < TASK_SHARE:
        return {"type": TASK, "body": _task(story, chance)}
    if draw < TASK_SHARE + AGENT_SHARE:
        return {"type": AGENT, "body": _agent(story, chance)}
    return {"type": CONTACT, "body": _contact(story, chance)}


def _task(story: Story, chance: random.Random) -> _Json:
    state = chance.choice(["CALLING", "Finished"])
    return {**_of_task(story), "state": state, "timestamp": _milliseconds(story.call.ended_at)}


def _agent(story: Story, chance: random.Random) -> _Json:
    calls = chance.randrange(200)
    return {
        **_of_task(story),
        "State": chance.choice(["RINGING", "ANSWERED", "HANGUP"]),
        "timestamp": str(_milliseconds(story.call.started_at)),
        "agentName": _agent_name(chance),
        "callid": story.call.call_id,
        "phoneNumber": story.callee.number,
        "registerState": "REGED",
        "callType": "auto",
        "curDayCallCount": calls,
        "curDayCallDuration": calls * 40,
        "holdDuration": {"auto": 0, "manual": chance.randrange(60)},
        "curDayTalkResults": [{"talkResult": "promised", "count": calls // 3}],
        "curDayRestDuration": 0,
    }


def _contact(story: Story, chance: random.Random) -> _Json:
    call, callee = story.call, story.callee
    state = chance.choice(["CALLING", "RINGING", "ANSWERED", "HANGUP", "HANGUP", "TALKRESULT"])
    at = call.started_at if state == "CALLING" else call.ended_at
    if state in ("RINGING", "ANSWERED"):
        at = call.started_at + timedelta(seconds=1 if state == "RINGING" else 2)
    milliseconds = _milliseconds(at)
    body = {
        **_of_task(story),
        "state": state,
        "timestamp": chance.choice([milliseconds, str(milliseconds)]),
        "callid": call.call_id,
        "phoneNumber": callee.number.removeprefix("+") if chance.random() < PLAIN_SHARE else callee.number,
        "mainNumber": callee.number,
        "contactName": callee.name,
        "address": callee.location,
        "info1": callee.segment,
        "remark": callee.comments,
        "nthCall": call.attempt,
        "customerInfo": {"Due Date": callee.due_on.isoformat(), "Emergency contact": "None", **callee.variables},
    }
    if state in ("HANGUP", "TALKRESULT"):
        body["hangupReason"] = _TALKED if call.turns else chance.choice(_HANGUP_REASONS)
    if state == "TALKRESULT":
        body |= {"agentName": _agent_name(chance), "recLink": f"https://records.test/{call.call_id}.mp3"}
        body |= {"customizeResults": _results(story, chance), "talkremarks": callee.comments}
    return body


def _results(story: Story, chance: random.Random) -> Any:
    results = {"Talk Result": "promised" if story.call.promise else "", "promise date": story.call.promise}
    if chance.random() >= LIST_SHARE:
        return results
    return [{"title": title, "groupName": "results", "value": value} for title, value in results.items()]


def _of_task(story: Story) -> _Json:
    return {"taskId": story.call.task_id, "taskName": story.workflow_name, "groupName": story.node_name}


def _agent_name(chance: random.Random) -> str:
    return f"agent-{chance.randrange(20):02}"


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
