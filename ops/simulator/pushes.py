"""Simulated pushes: a seed and a count in; bodies, and what is to become of each, out."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.simulator import words

SECOND_NODE_SHARE = 0.05
"""Of pushes: the same call once more, from another node of its workflow"""
REDIAL_SHARE = 0.3
"""Of calls: another attempt at a callee who was called before"""
ODD_SHARE = 0.05
"""Of good pushes: not as documented in some way, and to be normalised all the same"""
_REMEMBERED = 200
_FIRST_CALL_AT = datetime(2026, 1, 5, 1, 0, 0, tzinfo=UTC)


@dataclass(frozen=True)
class SimulatedPush:
    """One body to send, and what a receiver has to make of it."""

    body: bytes
    expected_status: int
    call_id: str | None
    """None for a bad push: it ends as a dead letter"""
    turns: int = 0

    @property
    def is_bad(self) -> bool:
        """Whether nothing in it can be normalised."""
        return self.call_id is None


def generate(seed: int, count: int, bad_share: float = 0.0) -> Iterator[SimulatedPush]:
    """Give `count` pushes, of which about `bad_share` (0 to 1) are bad; the same bytes for the same seed."""
    vendor = _Vendor(seed)
    for serial in range(count):
        if vendor.random.random() < bad_share:
            yield vendor.bad_push(serial)
        else:
            yield vendor.good_push(serial)


class _Vendor:
    """Remembers the latest calls, as redials and second nodes come back to them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - to be the same for the same seed
        self._calls: list[tuple[words.Workflow, dict[str, Any]]] = []

    def good_push(self, serial: int) -> SimulatedPush:
        if self._calls and self.random.random() < SECOND_NODE_SHARE:
            return self._sent(self._from_second_node(*self.random.choice(self._calls), serial))
        if self._calls and self.random.random() < REDIAL_SHARE:
            workflow, former = self.random.choice(self._calls)
            push = self._new_call(serial, workflow, former["callee"], former["call"]["call_times"] + 1)
        else:
            workflow = self.random.choice(words.WORKFLOWS)
            push = self._new_call(serial, workflow, self._callee(workflow), 1)
        self._calls = [*self._calls[-_REMEMBERED:], (workflow, push)]
        return self._sent(push)

    def bad_push(self, serial: int) -> SimulatedPush:
        body, status = self.random.choice(_BAD_BODIES)(serial)
        return SimulatedPush(body, status, None)

    def _sent(self, push: dict[str, Any]) -> SimulatedPush:
        call = push["call"]
        sent = json.loads(json.dumps(push))
        if self.random.random() < ODD_SHARE:
            self.random.choice(_ODDITIES)(sent)
        # Some senders escape what is beyond ASCII, others do not.
        body = json.dumps(sent, ensure_ascii=self.random.random() < 0.5).encode()
        return SimulatedPush(body, 200, call["call_id"], len(call["asr_result"]))

    def _new_call(self, serial: int, workflow: words.Workflow, callee: dict[str, Any], attempt: int) -> dict[str, Any]:
        return {
            **_node(workflow, workflow.nodes[0]),
            "callee": callee,
            "custom_attribute": {"var1": str(serial), "var2": self.random.choice(["A", "B", "C"])},
            "call": self._call(serial, workflow, attempt),
        }

    def _from_second_node(self, workflow: words.Workflow, former: dict[str, Any], serial: int) -> dict[str, Any]:
        node = workflow.nodes[1 + serial % (len(workflow.nodes) - 1)]
        return {**former, **_node(workflow, node), "custom_attribute": {"serial": serial, "follow_up": True}}

    def _callee(self, workflow: words.Workflow) -> dict[str, Any]:
        pick = self.random.choice
        borrowed = _FIRST_CALL_AT.date() - timedelta(days=self.random.randrange(30, 400))
        amount = self.random.randrange(10_000, 9_000_000_00)
        return {
            "case_id": pick(["", f"CASE-{self.random.randrange(10**8):08}"]),
            "callee_name": pick(words.NAMES[workflow.language]),
            "callee_gender": pick(["male", "female", ""]),
            "location": pick(["Jakarta", "Surabaya", "深圳", "Manila", ""]),
            "callee_number": f"{workflow.country_code}{self.random.randrange(10**8, 10**9)}",
            "platform_name": workflow.platform,
            "extra_a": pick(["", "segment-1", "segment-2"]),
            "extra_b": "",
            "extra_c": "",
            "extra": [
                {"Question": "order_type", "Content": pick(["cod", "prepaid"])},
                {"Question": "lang", "Content": workflow.language},
            ][: self.random.randrange(3)],
            "extend": {"variables": {"channel": pick(["app", "web"]), "score": self.random.randrange(1000)}},
            "comments": pick(["", "prefers the evening", "晚上再打", "hubungi sore hari 🙏"]),
            "borrowed_date": borrowed.isoformat(),
            "due_date": (borrowed + timedelta(days=30)).isoformat(),
            "borrowed_amount": f"{amount / 100:.2f}",
            "total_owing_amount": f"{amount * 1.07 / 100:.2f}",
            "currency_unit": workflow.currency,
        }

    def _call(self, serial: int, workflow: words.Workflow, attempt: int) -> dict[str, Any]:
        pick = self.random.choice
        turns = self._turns(workflow.language)
        started_at = _FIRST_CALL_AT + timedelta(seconds=serial // 5)
        ended_at = started_at + timedelta(seconds=len(turns) * 7 + self.random.randrange(3, 20))
        return {
            "task_id": f"{self.random.getrandbits(128):032x}",
            "call_id": f"{self.random.getrandbits(128):032x}",
            "call_start_time": _vendor_time(started_at),
            "call_end_time": _vendor_time(ended_at),
            "call_times": attempt,
            "ring_type": "normal" if turns else pick(words.RING_TYPES),
            "hangup_type": pick(words.HANGUP_TYPES),
            "intention": pick(["", "A", "B", "C", "E"]),
            "slots": "",
            "multi_label": pick([{}, {"promise": "yes", "mood": "calm"}]),
            "asr_ptp": pick(["", "", "2026-02-01"]),
            "asr_result": turns,
        }

    def _turns(self, language: str) -> list[dict[str, str]]:
        number = self.random.choice([0, 0, 0, self.random.randrange(1, 8), self.random.randrange(1, 41)])
        return [
            {
                "time": str(timedelta(seconds=7 * position)).zfill(8),
                "robottext": self.random.choice(words.ROBOT_LINES[language]),
                "text": self.random.choice(words.CALLEE_LINES[language]),
            }
            for position in range(number)
        ]


def _node(workflow: words.Workflow, name: str) -> dict[str, str]:
    return {
        "workflow_id": workflow.workflow_id,
        "workflow_name": workflow.name,
        "node_id": words.node_id(workflow.workflow_id, name),
        "node_name": name,
    }


def _vendor_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _add_unknown_fields(push: dict[str, Any]) -> None:
    push["recording"] = {"url": "", "seconds": 12}
    push["call"]["sip_code"] = 486


def _swap_types(push: dict[str, Any]) -> None:
    push["call"]["call_times"] = str(push["call"]["call_times"])
    push["callee"]["total_owing_amount"] = float(push["callee"]["total_owing_amount"])


def _drop_plus(push: dict[str, Any]) -> None:
    push["callee"]["callee_number"] = push["callee"]["callee_number"].removeprefix("+")


def _use_null_objects(push: dict[str, Any]) -> None:
    push["custom_attribute"] = push["callee"]["extend"] = push["callee"]["extra"] = None


def _use_unknown_ring_type(push: dict[str, Any]) -> None:
    push["call"]["ring_type"] = "voicemail"


def _break_dates(push: dict[str, Any]) -> None:
    push["callee"]["due_date"] = "2021-02-30"
    push["call"]["call_end_time"] = "yesterday"


_ODDITIES: list[Callable[[dict[str, Any]], None]] = [
    _add_unknown_fields,
    _swap_types,
    _drop_plus,
    _use_null_objects,
    _use_unknown_ring_type,
    _break_dates,
]

_BAD_BODIES: list[Callable[[int], tuple[bytes, int]]] = [
    lambda serial: (b'{"workflow_id": "cut off", "serial": %d, "call": {"call_id": "' % serial, 400),
    lambda serial: (b"workflow_id=form&serial=%d" % serial, 400),
    lambda serial: (b'{"workflow_id": "\xff\xfe", "serial": %d}' % serial, 400),
    lambda serial: (b'[{"workflow_id": "in an array", "serial": %d}]' % serial, 422),
    lambda serial: (b'"text %d"' % serial, 422),
    lambda serial: (b'{"greeting": "hello", "serial": %d}' % serial, 200),
]
