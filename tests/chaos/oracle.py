"""The oracle: sends pushes whose content follows from their number, remembers every answer, and knows what has to be
in the tables afterwards."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from psycopg import Connection

Rows = Connection[dict[str, Any]]

ANSWER_SECONDS = 10.0


@dataclass(frozen=True)
class Answered:
    """One request: when it left, how long it took, and its status; 0 is no answer."""

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
    _next: int = 0

    def body(self, number: int) -> bytes:
        """The push of a number."""
        return json.dumps(
            {
                "workflow_id": f"workflow {number % 3}",
                "workflow_name": "chaos",
                "node_id": f"node {number % 5}",
                "callee": {"callee_number": f"+62812{self.seed % 1000:03}{number % 97:05}", "case_id": f"{number % 7}"},
                "custom_attribute": {"number": number},
                "call": {
                    "call_id": self.call_id(number),
                    "slots": f"slots {number}",
                    "ring_type": "normal",
                    "asr_result": [{"time": "00:00:01", "text": text} for text in self.turns(number)],
                },
            }
        ).encode()

    def call_id(self, number: int) -> str:
        """Unique in all scenarios of a run."""
        return f"{self.seed}-{number}"

    def turns(self, number: int) -> list[str]:
        """What the callee says."""
        return [f"turn {turn} of {number}" for turn in range(number % 4)]

    @property
    def acknowledged(self) -> set[int]:
        """The pushes that were answered 200."""
        return {number for number, answered in self.answers.items() if answered.status == 200}

    def statuses(self) -> dict[int, int]:
        """How many requests had which status."""
        return dict(Counter(answered.status for answered in self.answers.values()))

    def seconds(self, share: float, since: float = 0.0, until: float = float("inf")) -> float:
        """The latency that a share (0 to 1) of the answers of a time kept to."""
        ordered = sorted(one.seconds for one in self.answers.values() if one.status and since <= one.left_at < until)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0

    async def send(self, count: int, rate: float) -> None:
        """Send so many pushes, each when it is due, whether or not earlier ones are answered."""
        begun = time.monotonic()
        async with self._session() as session, asyncio.TaskGroup() as requests:
            for place in range(count):
                await asyncio.sleep(max(0.0, begun + place / rate - time.monotonic()))
                requests.create_task(self._post(session))

    async def send_until_unanswered(self, senders: int) -> None:
        """Send as fast as so many senders are answered; one that is not answered ends."""

        async def keep_sending() -> None:
            while await self._post(session):
                pass

        async with self._session() as session, asyncio.TaskGroup() as tasks:
            for _ in range(senders):
                tasks.create_task(keep_sending())

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=300, force_close=not self.keeps_connections)
        return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS))

    async def _post(self, session: aiohttp.ClientSession) -> int:
        number, self._next = self._next, self._next + 1
        left_at, status = time.monotonic(), 0
        try:
            async with session.post(self.url, data=self.body(number)) as answer:
                await answer.read()
                status = answer.status
        except (aiohttp.ClientError, TimeoutError):
            pass
        self.answers[number] = Answered(left_at, time.monotonic() - left_at, status)
        return status

    def check(self, connection: Rows) -> None:
        """Everything acknowledged is there with the right content, exactly once, and nothing is there that was not
        sent."""
        bodies = {number: self.body(number) for number in self.answers}
        stored = connection.execute("SELECT body, status FROM airudder.pushes").fetchall()
        counted = Counter((row["body"], row["status"]) for row in stored)
        sent = {(body, "normalised"): number for number, body in bodies.items()}
        there = {sent[one] for one in counted if one in sent}
        assert [one for one in counted if one not in sent] == [], "what was not sent, or did not end as normalised"
        assert [one for one, times in counted.items() if times > 1] == [], "doubled"
        assert sorted(self.acknowledged - there) == [], "lost"
        assert self._calls(connection) == {
            self.call_id(number): (f"slots {number}", self.turns(number), {"number": number}) for number in there
        }

    def _calls(self, connection: Rows) -> dict[str, tuple[str, list[str], Any]]:
        rows = connection.execute("""
            SELECT call_id, slots, (SELECT custom_attribute FROM airudder.call_attributes AS one
                WHERE one.call_id = call.call_id AND one.source = call.source) AS attribute,
              array(SELECT callee_text FROM airudder.call_turns AS turn
                WHERE turn.call_id = call.call_id AND turn.source = call.source ORDER BY position) AS turns
            FROM airudder.calls AS call""")
        return {row["call_id"]: (row["slots"], row["turns"], row["attribute"]) for row in rows}
