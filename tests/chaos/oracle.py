"""The oracle: sends pushes whose content follows from their number, remembers every answer, and knows what has to be
in the tables afterwards."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count, takewhile
from typing import Any

import aiohttp
from psycopg import Connection

Rows = Connection[dict[str, Any]]

ANSWER_SECONDS = 10.0
NO_ANSWER = 0
"""The connection ended first."""
NO_ANSWER_IN_TIME = -1


@dataclass(frozen=True)
class Answered:
    """The last delivery of a push: when it left, how long it took, and its status, or one of the two above."""

    left_at: float
    seconds: float
    status: int


@dataclass
class Oracle:
    """Numbers its pushes through all that one scenario sends."""

    url: str
    seed: int
    answers: dict[int, Answered] = field(default_factory=dict)
    keeps_connections: bool = True
    _deliveries: Counter[int] = field(default_factory=Counter)

    def body(self, number: int) -> bytes:
        """The push of a number."""
        return json.dumps(
            {
                "workflow_id": self.workflow_id(number),
                "workflow_name": "chaos",
                "node_id": f"node {number % 5}",
                "callee": {"callee_number": self.callee_number(number), "case_id": f"{number % 7}"},
                "custom_attribute": {"number": number},
                "call": {
                    "call_id": self.call_id(number),
                    "slots": f"slots {number}",
                    "ring_type": "normal",
                    "asr_result": [{"time": "00:00:01", "text": text} for text in self.turns(number)],
                },
            }
        ).encode()

    def workflow_id(self, number: int) -> str:
        """One of three."""
        return f"workflow {number % 3}"

    def callee_number(self, number: int) -> str:
        """One of 97 persons of this seed."""
        return f"+62812{self.seed % 1000:03}{number % 97:05}"

    def call_id(self, number: int) -> str:
        """A call of its own for each push."""
        return f"{self.seed}-{number}"

    def turns(self, number: int) -> list[str]:
        """What the callee says."""
        return [f"turn {turn} of {number}" for turn in range(number % 4)]

    @property
    def acknowledged(self) -> set[int]:
        """The pushes that were answered 200."""
        return {number for number, answered in self.answers.items() if answered.status == 200}

    def statuses(self) -> dict[int, int]:
        """How many pushes had which status at last."""
        return dict(Counter(answered.status for answered in self.answers.values()))

    def seconds(self, share: float, since: float = 0.0, until: float = float("inf")) -> float:
        """The latency that a share (0 to 1) of the answers of a time kept to; one that did not come counts in full."""
        within = (one for one in self.answers.values() if since <= one.left_at < until and one.status != NO_ANSWER)
        ordered = sorted(one.seconds for one in within)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0

    async def send(self, pushes: int, rate: float) -> None:
        """Send so many pushes, each when it is due, whether or not earlier ones are answered."""
        await self._send(self._numbers(pushes), rate)

    async def send_until(self, is_enough: Callable[[], bool], rate: float) -> None:
        """The same, until it is enough."""
        await self._send(takewhile(lambda _: not is_enough(), count(len(self.answers))), rate)

    async def send_until_unanswered(self, senders: int) -> None:
        """Send as fast as so many senders are answered; one that is not answered ends."""

        async def keep_sending() -> None:
            while await self._post(session, len(self.answers)) > 0:
                pass

        async with self._session() as session, asyncio.TaskGroup() as tasks:
            for _ in range(senders):
                tasks.create_task(keep_sending())

    async def send_again_what_failed(self) -> int:
        """Do as the vendor does with what was not answered 200; how many those were."""
        failed = sorted(self.answers.keys() - self.acknowledged)
        await self._send(failed, 200)
        return len(failed)

    def _numbers(self, pushes: int) -> Iterable[int]:
        return range(len(self.answers), len(self.answers) + pushes)

    async def _send(self, numbers: Iterable[int], rate: float) -> None:
        begun = time.monotonic()
        async with self._session() as session, asyncio.TaskGroup() as requests:
            for place, number in enumerate(numbers):
                requests.create_task(self._post(session, number))
                await asyncio.sleep(max(0.0, begun + (place + 1) / rate - time.monotonic()))

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=300, force_close=not self.keeps_connections)
        return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS))

    async def _post(self, session: aiohttp.ClientSession, number: int) -> int:
        self._deliveries[number] += 1
        left_at, status = time.monotonic(), NO_ANSWER
        self.answers[number] = Answered(left_at, 0.0, status)
        try:
            async with session.post(self.url, data=self.body(number)) as answer:
                await answer.read()
                status = answer.status
        except TimeoutError:
            status = NO_ANSWER_IN_TIME
        except aiohttp.ClientError:
            pass
        self.answers[number] = Answered(left_at, time.monotonic() - left_at, status)
        return status

    def check(self, connection: Rows) -> int:
        """Everything acknowledged is there with the right content, exactly once, and nothing is there that was not
        sent. A push that was sent again may also be there as a duplicate. How many deliveries are there."""
        numbers = {self.body(number): number for number in self.answers}
        stored = connection.execute("SELECT body, status FROM airudder.pushes").fetchall()
        assert [row for row in stored if row["body"] not in numbers] == [], "what was not sent"
        there = Counter(numbers[row["body"]] for row in stored)
        normalised = Counter(numbers[row["body"]] for row in stored if row["status"] == "normalised")
        duplicates = Counter(numbers[row["body"]] for row in stored if row["status"] == "duplicate")
        assert there == normalised + duplicates, "another outcome"
        assert [number for number in there if normalised[number] != 1 and self._deliveries[number] == 1] == [], (
            "doubled"
        )
        assert [number for number in there if not 0 < there[number] <= self._deliveries[number]] == [], "doubled"
        assert [number for number in there if not normalised[number]] == [], "never normalised"
        assert sorted(self.acknowledged - there.keys()) == [], "lost"
        self._check_rows(connection, set(there))
        return there.total()

    def _check_rows(self, connection: Rows, there: set[int]) -> None:
        calls = connection.execute("""
            SELECT call_id, slots, workflow_id, callee_number, case_id, (
                SELECT custom_attribute FROM airudder.call_attributes AS one
                WHERE one.call_id = call.call_id AND one.source = call.source) AS attribute,
              array(SELECT callee_text FROM airudder.call_turns AS turn
                WHERE turn.call_id = call.call_id AND turn.source = call.source ORDER BY position) AS turns
            FROM airudder.calls AS call""").fetchall()
        assert {call.pop("call_id"): call for call in calls} == {
            self.call_id(number): {
                "slots": f"slots {number}",
                "workflow_id": self.workflow_id(number),
                "callee_number": self.callee_number(number),
                "case_id": f"{number % 7}",
                "attribute": {"number": number},
                "turns": self.turns(number),
            }
            for number in there
        }
        counts = connection.execute("""
            SELECT (SELECT count(*) FROM airudder.callees) AS callees, (SELECT count(*) FROM airudder.cases) AS cases,
              (SELECT count(*) FROM airudder.workflows) AS workflows, (SELECT count(*) FROM airudder.nodes) AS nodes,
              (SELECT count(*) FROM airudder.call_turns) AS turns,
              (SELECT count(*) FROM airudder.call_attributes) AS attributes""").fetchone()
        assert counts == {
            "callees": len({number % 97 for number in there}),
            "cases": len({(number % 97, number % 7) for number in there}),
            "workflows": len({number % 3 for number in there}),
            "nodes": len({(number % 3, number % 5) for number in there}),
            "turns": sum(number % 4 for number in there),
            "attributes": len(there),
        }
