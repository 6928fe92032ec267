"""The oracle: sends pushes whose content follows from their number, remembers every answer, and knows what has to be
in the tables afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count, takewhile
from typing import Any

import aiohttp
from psycopg import Connection

Rows = Connection[dict[str, Any]]

ANSWER_SECONDS = 30.0 if os.environ.get("CHAOS", "short") == "short" else 10.0
"""In the short form web waits longer than in earnest for a store that is slow: the rest of the suite runs beside it."""
NO_ANSWER = 0
"""The connection ended first."""
NO_ANSWER_IN_TIME = -1
_UNKNOWN: dict[str, Any] = {
    **dict.fromkeys(("slots", "intention", "workflow_id", "callee_number", "case_id")),
    "turns": [],
}
"""A call of which nothing is told"""


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

    def content(self, number: int) -> int:
        """Which push it is: one in ten is another one again, byte for byte, after a second node's news of that call."""
        return number - 3 if number % 10 == 9 else number

    def body(self, number: int) -> bytes:
        """The push of a number: two each are about one call, the second without its callee."""
        content = self.content(number)
        call, place = divmod(content, 2)
        return json.dumps(
            {
                "workflow_id": self.workflow_id(call),
                "workflow_name": "chaos",
                "node_id": self.node_id(content),
                **(
                    {}
                    if place
                    else {"callee": {"callee_number": self.callee_number(call), "case_id": self.case_id(call)}}
                ),
                "custom_attribute": {"number": content},
                "call": {
                    "call_id": f"{self.seed}-{call}",
                    "slots": f"slots {content}",
                    "ring_type": "normal",
                    **({"intention": "E"} if place else {}),
                    "asr_result": [{"time": "00:00:01", "text": text} for text in self.turns(content)],
                },
            }
        ).encode()

    def case_id(self, call: int) -> str:
        """One of seven."""
        return f"case {call % 7}"

    def workflow_id(self, call: int) -> str:
        """One of three."""
        return f"workflow {call % 3}"

    def node_id(self, content: int) -> str:
        """One of ten: the pushes of a call are of different ones."""
        return f"node {content % 10}"

    def callee_number(self, call: int) -> str:
        """One of 97 persons of this seed."""
        return f"+62812{self.seed % 1000:03}{call % 97:05}"

    def turns(self, content: int) -> list[str]:
        """What the callee says."""
        return [f"turn {turn} of {content}" for turn in range(content % 4)]

    @property
    def acknowledged(self) -> set[int]:
        """The pushes that were answered 200."""
        return {number for number, answered in self.answers.copy().items() if answered.status == 200}

    def statuses(self) -> dict[int, int]:
        """How many pushes had which status at last."""
        return dict(Counter(answered.status for answered in self.answers.copy().values()))

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
        contents = {self.body(number): self.content(number) for number in self.answers}
        stored = connection.execute("SELECT body, status FROM airudder.pushes ORDER BY received_at, push_id").fetchall()
        assert [row for row in stored if row["body"] not in contents] == [], "what was not sent"
        there = Counter(contents[row["body"]] for row in stored)
        normalised = Counter(contents[row["body"]] for row in stored if row["status"] == "normalised")
        duplicates = Counter(contents[row["body"]] for row in stored if row["status"] == "duplicate")
        assert there == normalised + duplicates, "another outcome"
        deliveries = Counter[int]()
        for number, count_of_number in self._deliveries.items():
            deliveries[self.content(number)] += count_of_number
        assert [content for content in there if there[content] > deliveries[content]] == [], "doubled"
        assert [content for content in there if normalised[content] != 1] == [], "never normalised, or twice"
        assert sorted({self.content(number) for number in self.acknowledged} - there.keys()) == [], "lost"
        # In the order in which they came first: what was sent together may have come the other way round.
        self._check_rows(connection, list(dict.fromkeys(contents[row["body"]] for row in stored)))
        return there.total()

    def _check_rows(self, connection: Rows, there: list[int]) -> None:
        calls = connection.execute("""
            SELECT call_id, slots, intention, workflow_id, callee_number, case_id, (
                SELECT array_agg((custom_attribute ->> 'number')::integer ORDER BY node_id)
                FROM airudder.call_attributes AS one
                WHERE one.call_id = call.call_id AND one.source = call.source) AS attributes,
              array(SELECT callee_text FROM airudder.call_turns AS turn
                WHERE turn.call_id = call.call_id AND turn.source = call.source ORDER BY position) AS turns
            FROM airudder.calls AS call""").fetchall()
        expected: dict[int, dict[str, Any]] = {}
        for content in there:
            call = expected.setdefault(content // 2, {**_UNKNOWN, "attributes": []})
            call.update(self._told(content))
            call["attributes"] = sorted([*call["attributes"], content], key=self.node_id)
        assert {call.pop("call_id"): call for call in calls} == {
            f"{self.seed}-{call}": columns for call, columns in expected.items()
        }
        counts = connection.execute("""
            SELECT (SELECT count(*) FROM airudder.callees) AS callees, (SELECT count(*) FROM airudder.cases) AS cases,
              (SELECT count(*) FROM airudder.workflows) AS workflows,
              (SELECT count(*) FROM airudder.nodes) AS nodes""").fetchone()
        with_callee = {content // 2 for content in there if content % 2 == 0}
        assert counts == {
            "callees": len({call % 97 for call in with_callee}),
            "cases": len({(call % 97, call % 7) for call in with_callee}),
            "workflows": len({call % 3 for call in expected}),
            "nodes": len({(content // 2 % 3, content % 10) for content in there}),
        }

    def _told(self, content: int) -> dict[str, Any]:
        """The columns of a call that a push tells of."""
        call, place = divmod(content, 2)
        told: dict[str, Any] = {"slots": f"slots {content}", "workflow_id": self.workflow_id(call)}
        if place:
            told["intention"] = "E"
        else:
            told |= {"callee_number": self.callee_number(call), "case_id": self.case_id(call)}
        return told | ({"turns": turns} if (turns := self.turns(content)) else {})
