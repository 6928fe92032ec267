"""Depth: a push that is nested nearly as deeply as is read has its rows, wherever in it the depth is."""

from __future__ import annotations

from typing import Any

import pytest

from ingest.kinds import KINDS, kind_of
from ingest.kinds.fields import fields_of
from ingest.kinds.normalise import NOTHING_RECOGNISED, normalise
from ingest.kinds.reading.nothing import says_something
from ingest.tables.rows import Normalised
from tests.corpus.documents import Literal, fields, replaced, to_json
from tests.of_kind import entry_of
from tests.pushes import push

LEVELS = 890
FORMS = {
    "objects": '{"a": ' * LEVELS + "1" + "}" * LEVELS,
    "arrays": "[" * LEVELS + "1" + "]" * LEVELS,
    "both": '{"a": [' * (LEVELS // 2) + "null" + "]}" * (LEVELS // 2),
}
NUMBER = "+6281234567801"
NODES = [{"nodetask_id": "n1"}]
CONTACT = {"type": "ContactStatus", "body": {"phoneNumber": NUMBER, "callid": "c1", "taskId": "t1"}}
AGENT = {"type": "AgentStatus", "body": {"agentName": "siti", "taskId": "t1", "callid": "c1"}}
MESSAGES = [{"msg_id": "m1", "content": {"a": 1}, "reply": {"msg_id": "m0", "content": {"a": 1}}}]
BODIES: list[tuple[str, dict[str, Any]]] = [
    ("custom-api", {**push(), "callee": {**push()["callee"], "extend": {"variables": {"a": 1}}}}),
    ("chatbot-session-ended", {"wfdetail_uuid": "s1", "callee": NUMBER, "messages": MESSAGES}),
    ("qa-report", {"TaskID": "t1", "QADetail": [{"Length": 1}]}),
    ("list-completed", {"callee_number": NUMBER, "workflow_id": "w1", "rows": NODES}),
    ("workflow-status", {"workflow_id": "w1", "status": "running", "actions": NODES}),
    ("call-completed", {"callee_number": NUMBER, "task_id": "t1", "call_id": "c1"}),
    ("dialer", CONTACT),
    ("dialer", AGENT),
    ("pulled-call", {"task_id": "t1", "call_key": "k1", "call": {"Mobile": NUMBER, "Status": "finished"}}),
    ("call-ended", {"call_id": "c1", "callee": NUMBER}),
]

ITEMS: dict[str, list[tuple[str | int, ...]]] = {"qa-report": [("QADetail", 0), ("QADetail", 0, "Length")]}
"""Where a list holds what is no struct of ours"""


def at_depth(kind: str, body: bytes, frames: int) -> Normalised:
    """What a push comes to where so many calls are under way, as in a worker."""
    return at_depth(kind, body, frames - 1) if frames else normalise(entry_of(kind, body))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("kind", "body"), BODIES, ids=[kind for kind, _ in BODIES])
def test_deep_push_is_read(kind: str, body: dict[str, Any], form: str) -> None:
    """In each field of the structs, in one that nobody documents, and looked at for drift as well."""
    struct = kind_of(kind).struct
    places = [one.steps for one in fields(struct)] if struct else []
    for steps in [*places, *ITEMS.get(kind, ()), ("undocumented",)]:
        # A body of 890 levels altogether, whatever the field is in.
        deep = to_json(replaced(body, steps, Literal(FORMS[form])))

        one = at_depth(kind, deep, 20)

        assert one.push.status == "normalised" or one.push.error == NOTHING_RECOGNISED, steps
        assert fields_of(kind_of(kind), deep)


def test_each_kind_is_looked_at() -> None:
    """A new kind has its body above."""
    modules = {KINDS[kind] for kind, _ in BODIES}
    assert modules == set(KINDS.values())


def test_depth_says_what_is_in_it() -> None:
    """However deep it lies; and brackets alone say nothing."""
    empty: Any = {}
    said: Any = 0
    for _ in range(20_000):
        empty, said = {"a": empty}, [said]

    assert says_something(said)
    assert not says_something(empty)
