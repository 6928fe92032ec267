"""Asking: the functions of `ops` block, so they run in threads, so many at once as there may be connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

from starlette.requests import Request

from ingest.errors import NoAnswerError
from ingest.settings import Settings
from ops import connections

MOST_SHARED = 500
"""Answers that are kept for others"""
LONGEST_WAIT = 3.0
"""Seconds that a question may wait for others, which wait for a server that is frozen or slow"""
LONGEST = 10.0
"""Seconds until a page says that it has no answer yet: a browser is told before its script gives up"""

BUSY = "Others have waited too long for Redis or Postgres, which may be away or slow. Try again in a moment."
UNANSWERED = (
    "Redis or Postgres has not answered yet: it may be away or slow. What has begun may still be done: look before you "
    "try again."
)

_P = ParamSpec("_P")
_Answer = TypeVar("_Answer")


@dataclass
class Asker:
    """Asks, for all pages of one process."""

    current: Settings
    _limit: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(connections.CONSOLE))
    _shared: dict[Any, tuple[float, asyncio.Task[Any]]] = field(default_factory=dict)

    async def ask(self, function: Callable[[], _Answer]) -> _Answer:
        """The function's answer. Raises NoAnswerError where it has none in time."""
        try:
            await asyncio.wait_for(self._limit.acquire(), LONGEST_WAIT)
        except TimeoutError:
            raise NoAnswerError(BUSY) from None
        answering = asyncio.ensure_future(asyncio.to_thread(function))
        # No thread can be ended: one that hangs keeps its connection, and so its place among those at once.
        answering.add_done_callback(self._release)
        done, _ = await asyncio.wait([answering], timeout=LONGEST)
        if not done:
            raise NoAnswerError(UNANSWERED)
        return answering.result()

    def _release(self, answering: asyncio.Future[Any]) -> None:
        self._limit.release()
        if not answering.cancelled():
            answering.exception()  # nobody may be left to ask for it

    async def shared(self, key: Any, seconds: float, function: Callable[[], _Answer]) -> _Answer:
        """The same, once for all who ask within so many seconds of the question. Only an answer is kept: what has
        failed is asked again."""
        now = time.monotonic()
        good_until, task = self._shared.get(key, (0.0, None))
        if task is None or (task.done() and (now > good_until or _has_failed(task))):
            self._forget(now)
            task = asyncio.create_task(self.ask(function))
            self._shared[key] = now + seconds, task
        # A reader who goes away does not take the answer from the others.
        answer: _Answer = await asyncio.shield(task)
        return answer

    def _forget(self, now: float) -> None:
        is_full = len(self._shared) > MOST_SHARED
        for key, (good_until, task) in list(self._shared.items()):
            if task.done() and (good_until < now or is_full):
                del self._shared[key]


def _has_failed(task: asyncio.Task[Any]) -> bool:
    return task.cancelled() or task.exception() is not None


async def ask(
    request: Request, function: Callable[Concatenate[Settings, _P], _Answer], *args: _P.args, **kwargs: _P.kwargs
) -> _Answer:
    """`function(settings, …)`, in a thread. An error of ours becomes a page in words."""
    asker: Asker = request.app.state.asker
    return await asker.ask(lambda: function(asker.current, *args, **kwargs))


async def shared(
    request: Request,
    seconds: float,
    function: Callable[Concatenate[Settings, _P], _Answer],
    *args: _P.args,
    **kwargs: _P.kwargs,
) -> _Answer:
    """The same, once for all who ask the same within so many seconds. The arguments have to be hashable."""
    asker: Asker = request.app.state.asker
    key = (function, args, tuple(sorted(kwargs.items())))
    return await asker.shared(key, seconds, lambda: function(asker.current, *args, **kwargs))
