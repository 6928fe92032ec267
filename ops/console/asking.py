"""Asking: the functions of `ops` block, so they run in threads, so many at once as there may be connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

from starlette.requests import Request

from ingest.settings import Settings

MOST_AT_ONCE = 4
"""Questions in hand: each has a connection to Postgres"""
MOST_SHARED = 500
"""Answers that are kept for others"""

_P = ParamSpec("_P")
_Answer = TypeVar("_Answer")


@dataclass
class Asker:
    """Asks, for all pages of one process."""

    current: Settings
    _limit: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_AT_ONCE))
    _shared: dict[Any, tuple[float, asyncio.Task[Any]]] = field(default_factory=dict)

    async def ask(self, function: Callable[[], _Answer]) -> _Answer:
        """The function's answer."""
        async with self._limit:
            return await asyncio.to_thread(function)

    async def shared(self, key: Any, seconds: float, function: Callable[[], _Answer]) -> _Answer:
        """The same, once for all who ask within so many seconds of the question."""
        now = time.monotonic()
        good_until, task = self._shared.get(key, (0.0, None))
        if task is None or (task.done() and now > good_until):
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
