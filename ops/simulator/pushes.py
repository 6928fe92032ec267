"""Simulated pushes: kinds, a seed and a count in; bodies, and what is to become of each, out."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count as count_from
from itertools import islice

from ingest.kinds import kind_of
from ingest.kinds.story import Story, StoryCall, StoryCallee, StoryTurn
from ops.simulator import words

SECOND_NODE_SHARE = 0.05
"""Of pushes: the same call once more, from another node of its workflow"""
REDIAL_SHARE = 0.3
"""Of calls: another attempt at a callee who was called before"""
CUSTOM_API: Mapping[str, float] = {"custom-api": 1.0}
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
    kind: str = "custom-api"

    @property
    def is_bad(self) -> bool:
        """Whether nothing in it can be normalised."""
        return self.call_id is None


@dataclass(frozen=True)
class Campaign:
    """What `ingest send` is asked for: see `generate` and `shuffled`."""

    count: int
    seed: int
    bad: float
    kinds: Sequence[tuple[str, float]]
    """Names and weights; none is `custom-api` alone"""
    retries: float
    shuffle: int

    @property
    def length(self) -> int:
        """About how many pushes it is."""
        return round(self.count * (1 + self.retries))

    def pushes(self) -> Iterator[SimulatedPush]:
        """All of them, as they arrive."""
        told = generate(self.seed, self.count, self.bad, dict(self.kinds) or CUSTOM_API)
        return shuffled(told, self.seed, self.retries, self.shuffle)


def generate(
    seed: int, count: int, bad_share: float = 0.0, kinds: Mapping[str, float] = CUSTOM_API
) -> Iterator[SimulatedPush]:
    """Give `count` pushes, of which about `bad_share` (0 to 1) are bad; the same bytes for the same seed.

    `kinds`: by name how often a story is told by it, beside the others: each push of a story tells the same of it.
    """
    return islice(_told(_Vendor(seed), bad_share, kinds), count)


def shuffled(pushes: Iterable[SimulatedPush], seed: int, retries: float, among: int) -> Iterator[SimulatedPush]:
    """The same pushes as they arrive: each among so many others in any order, and this share (0 to 1) once more."""
    chance = random.Random(seed)  # noqa: S311 - to be the same for the same seed
    waiting: list[SimulatedPush] = []
    for push in pushes:
        waiting += [push] * (1 + (chance.random() < retries))
        while len(waiting) >= among:
            yield waiting.pop(chance.randrange(len(waiting)))
    chance.shuffle(waiting)
    yield from waiting


def _told(vendor: _Vendor, bad_share: float, kinds: Mapping[str, float]) -> Iterator[SimulatedPush]:
    most = max(kinds.values())
    for serial in count_from(0):
        story = vendor.story(serial)
        for kind, weight in kinds.items():
            if weight == most or vendor.random.random() < weight / most:
                is_bad = vendor.random.random() < bad_share
                yield vendor.bad_push(serial, kind) if is_bad else vendor.told(story, kind)


class _Vendor:
    """Remembers the latest calls, as redials and second nodes come back to them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - to be the same for the same seed
        self._stories: list[tuple[words.Workflow, Story]] = []

    def story(self, serial: int) -> Story:
        """What happens next."""
        if self._stories and self.random.random() < SECOND_NODE_SHARE:
            return self._from_second_node(*self.random.choice(self._stories), serial)
        if self._stories and self.random.random() < REDIAL_SHARE:
            workflow, former = self.random.choice(self._stories)
            story = self._new_call(serial, workflow, former.callee, former.call.attempt + 1)
        else:
            workflow = self.random.choice(words.WORKFLOWS)
            story = self._new_call(serial, workflow, self._callee(workflow), 1)
        self._stories = [*self._stories[-_REMEMBERED:], (workflow, story)]
        return story

    def bad_push(self, serial: int, kind: str) -> SimulatedPush:
        """One of which nothing can be normalised."""
        body, status = self.random.choice(_BAD_BODIES)(serial)
        return SimulatedPush(body, status, None, kind=kind)

    def told(self, story: Story, kind: str) -> SimulatedPush:
        """The push of a story."""
        push = kind_of(kind).simulate(story, self.random)
        # Some senders escape what is beyond ASCII, others do not.
        body = json.dumps(push, ensure_ascii=self.random.random() < 0.5).encode()
        return SimulatedPush(body, 200, story.call.call_id, len(story.call.turns), kind)

    def _new_call(self, serial: int, workflow: words.Workflow, callee: StoryCallee, attempt: int) -> Story:
        node = workflow.nodes[0]
        return Story(
            workflow_id=workflow.workflow_id,
            workflow_name=workflow.name,
            node_id=words.node_id(workflow.workflow_id, node),
            node_name=node,
            callee=callee,
            call=self._call(serial, workflow, attempt),
            attributes={"var1": str(serial), "var2": self.random.choice(["A", "B", "C"])},
        )

    def _from_second_node(self, workflow: words.Workflow, former: Story, serial: int) -> Story:
        node = workflow.nodes[1 + serial % (len(workflow.nodes) - 1)]
        attributes = {"serial": serial, "follow_up": True}
        node_id = words.node_id(workflow.workflow_id, node)
        return replace(former, node_id=node_id, node_name=node, attributes=attributes)

    def _callee(self, workflow: words.Workflow) -> StoryCallee:
        pick = self.random.choice
        borrowed_on = _FIRST_CALL_AT.date() - timedelta(days=self.random.randrange(30, 400))
        borrowed = Decimal(self.random.randrange(10_000, 9_000_000_00)) / 100
        answers = (("order_type", pick(["cod", "prepaid"])), ("lang", workflow.language))
        return StoryCallee(
            number=f"{workflow.mobile_prefix}{self.random.randrange(10**7, 10**8)}",
            name=pick(words.NAMES[workflow.language]),
            gender=pick(["male", "female", ""]),
            location=pick(["Jakarta", "Surabaya", "深圳", "Manila", ""]),
            platform=workflow.platform,
            case_id=pick(["", f"CASE-{self.random.randrange(10**8):08}"]),
            segment=pick(["", "segment-1", "segment-2"]),
            answers=answers[: self.random.randrange(3)],
            variables={"channel": pick(["app", "web"]), "score": self.random.randrange(1000)},
            comments=pick(["", "prefers the evening", "晚上再打", "hubungi sore hari 🙏"]),
            borrowed_on=borrowed_on,
            due_on=borrowed_on + timedelta(days=30),
            borrowed=borrowed,
            owing=borrowed * Decimal("1.07"),
            currency=workflow.currency,
        )

    def _call(self, serial: int, workflow: words.Workflow, attempt: int) -> StoryCall:
        pick = self.random.choice
        turns = self._turns(workflow.language)
        started_at = _FIRST_CALL_AT + timedelta(seconds=serial // 5)
        return StoryCall(
            task_id=f"{self.random.getrandbits(128):032x}",
            call_id=f"{self.random.getrandbits(128):032x}",
            started_at=started_at,
            ended_at=started_at + timedelta(seconds=len(turns) * 7 + self.random.randrange(3, 20)),
            attempt=attempt,
            ring_type="normal" if turns else pick(words.RING_TYPES),
            hangup_type=pick(words.HANGUP_TYPES),
            intention=pick(["", "A", "B", "C", "E"]),
            labels=pick([{}, {"promise": "yes", "mood": "calm"}]),
            promise=pick(["", "", "2026-02-01"]),
            turns=turns,
        )

    def _turns(self, language: str) -> tuple[StoryTurn, ...]:
        number = self.random.choice([0, 0, 0, self.random.randrange(1, 8), self.random.randrange(1, 41)])
        return tuple(
            StoryTurn(
                timedelta(seconds=7 * position),
                self.random.choice(words.ROBOT_LINES[language]),
                self.random.choice(words.CALLEE_LINES[language]),
            )
            for position in range(number)
        )


_BAD_BODIES: list[Callable[[int], tuple[bytes, int]]] = [
    lambda serial: (b'{"workflow_id": "cut off", "serial": %d, "call": {"call_id": "' % serial, 400),
    lambda serial: (b"workflow_id=form&serial=%d" % serial, 400),
    lambda serial: (b'{"workflow_id": "\xff\xfe", "serial": %d}' % serial, 400),
    lambda serial: (b'[{"workflow_id": "in an array", "serial": %d}]' % serial, 422),
    lambda serial: (b'"text %d"' % serial, 422),
    lambda serial: (b'{"greeting": "hello", "serial": %d}' % serial, 200),
]
