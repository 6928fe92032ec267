"""Sends simulated pushes as the vendor does: when they are due, whether or not earlier ones have been answered."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import aiohttp

from ingest import settings
from ops.simulator.pushes import SimulatedPush

TIMEOUT_SECONDS = 30
LATE_SECONDS = 0.1
"""A push that leaves this long after it was due says more of the sender than of the receiver."""
NOBODY_THERE = 20
"""So many connections refused in a row, and no answer yet, mean that there is nothing to send to."""


@dataclass
class Summary:
    """What came of sending."""

    sent: int = 0
    as_expected: int = 0
    unexpected: Counter[int] = field(default_factory=Counter)
    """Answers by status that the push did not call for"""
    errors: Counter[str] = field(default_factory=Counter)
    """Requests without an answer, by kind of failure"""
    late: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    """Seconds from when a push was due to its answer"""

    @property
    def is_good(self) -> bool:
        """Whether every push was answered as expected."""
        return self.as_expected == self.sent

    @property
    def nobody_is_there(self) -> bool:
        """Whether every connection so far failed."""
        return not self.latencies and self.errors.total() >= NOBODY_THERE

    def latency(self, share: float) -> float:
        """The latency, in seconds, that this share (0 to 1) of the answers kept to; 0 if there were none."""
        ordered = sorted(self.latencies)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def own_url() -> str:
    """The endpoint on this machine; `{kind}` in it stands for a push's kind."""
    return f"{settings.load().web_url}/airudder/{{kind}}"


@dataclass(frozen=True)
class Plan:
    """Where to send, how fast and with how many connections."""

    url: str
    """`{kind}` in it stands for a push's kind"""
    rate: float
    """Pushes a second; 0 is as fast as the connections allow"""
    concurrency: int
    token: str | None = None


async def send(plan: Plan, pushes: Iterable[SimulatedPush], summary: Summary, advance: Callable[[], None]) -> None:
    """Send everything, filling `summary` on the way; `advance` is called after each answer.

    Open loop: latency counts from when a push was due, so a receiver that stalls is charged for all that waited.
    """
    headers = {"Content-Type": "application/json", "User-Agent": "Airudder"}
    if plan.token:
        headers["Authorization"] = f"Bearer {plan.token}"
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    connector = aiohttp.TCPConnector(limit=plan.concurrency)
    begun = time.perf_counter()
    async with aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector) as session:
        free = asyncio.Semaphore(plan.concurrency)
        try:
            async with asyncio.TaskGroup() as requests:
                for number, push in enumerate(pushes):
                    due = begun + number / plan.rate if plan.rate else None
                    await _wait_until(due)
                    await free.acquire()
                    if summary.nobody_is_there:
                        break
                    request = requests.create_task(_post(session, plan.url, push, due, summary))
                    request.add_done_callback(lambda _: free.release())
                    request.add_done_callback(lambda _: advance())
        finally:
            summary.seconds = time.perf_counter() - begun


async def _wait_until(due: float | None) -> None:
    if due is not None and (wait := due - time.perf_counter()) > 0:
        await asyncio.sleep(wait)


async def _post(
    session: aiohttp.ClientSession, url: str, push: SimulatedPush, due: float | None, summary: Summary
) -> None:
    now = time.perf_counter()
    due = now if due is None else due
    summary.sent += 1
    summary.late += now - due > LATE_SECONDS
    try:
        async with session.post(url.replace("{kind}", push.kind), data=push.body) as answer:
            await answer.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        summary.errors[type(error).__name__] += 1
        return
    summary.latencies.append(time.perf_counter() - due)
    if answer.status == push.expected_status:
        summary.as_expected += 1
    else:
        summary.unexpected[answer.status] += 1
