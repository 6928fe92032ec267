"""How long a connection may be held, and how many of them at once.

uvicorn waits for ever for the rest of a request, and for a peer that does not read. It does not bound the number of
connections either. A proxy in front could do all that; here it is done without one.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ingest.web import answers

MAX_CONNECTIONS = 10_000
SPARE_FILES = 128
"""How many files a process opens beside its senders' connections"""
KEEP_ALIVE_SECONDS = 120
"""The vendor retries a minute later, perhaps on the same connection: it must not meet a closing one."""
STUCK_SECONDS = 30
"""An answer takes three at most; one that takes so long is not being read."""
LATE = "is_late"
"""In the scope of a request whose body did not come in time"""

_TO_EVICT = 200
"""How many connections are looked at when a new one needs room. Of these one is closed: first one that is slow with its
headers, else the one that has rested the longest."""
_SLOW_HEAD_SECONDS = 1.0


@dataclass(frozen=True)
class Bounds:
    """The bounds of a connection, in the lifespan's state under the key `bounds`."""

    seconds: float
    """How long a request may take to arrive, from its first byte to its last"""
    max_bytes: int
    """Of one request, with its headers and the frames of its chunks"""
    max_connections: int
    note: Callable[[str, str | None], None]
    """Called with the reason, and the peer's address, when a connection is refused"""


def allow_many_connections() -> int:
    """Raise this process's limit of open files as far as is needed; return how many connections it then allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + SPARE_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # macOS refuses more than a limit of its own
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        wanted = soft
    return max(1, min(MAX_CONNECTIONS, wanted - SPARE_FILES))


class TimedProtocol(HttpToolsProtocol):
    """A connection with a clock: it is looked at twice in the time that a request has, which costs a push nothing.

    The class that is made from this one sets `_message_since` and `_is_head_complete` as the bytes of a request come.
    """

    connection_count: ClassVar[int] = 0
    """How many connections this process has"""

    _timer: asyncio.TimerHandle | None = None
    _message_since: float | None = None
    """When the first byte came of the request that is not complete yet"""
    _is_head_complete = True
    _looked_at: Any = None, None
    """The last request, and since when it has been coming, when the connection was last looked at"""
    _rested = 0.0
    """For how many seconds that has stayed so, counted from look to look"""

    @property
    def _bounds(self) -> Bounds:
        return cast(Bounds, self.app_state["bounds"])

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _is_stuck(self) -> bool:
        # While the body comes the application waits for it, which is no fault of the answer's.
        return self._is_answering and self._message_since is None and self._rested > STUCK_SECONDS

    @property
    def _rests(self) -> bool:
        return self._message_since is None and not self._is_answering

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request. Of too many connections an idle one is closed, or this one refused."""
        super().connection_made(transport)
        TimedProtocol.connection_count += 1
        self._timer = self.loop.call_later(self._bounds.seconds / 2, self._look)
        if len(self.connections) > self._bounds.max_connections and not self._make_room():
            self._refuse(answers.TOO_MANY_AT_ONCE, "too many connections")

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel our timer and uvicorn's own, which it keeps after a reset."""
        TimedProtocol.connection_count -= 1
        if self._timer:
            self._timer.cancel()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def _make_room(self) -> bool:
        some = islice(cast("set[TimedProtocol]", self.connections), _TO_EVICT)
        spare = [other for other in some if other is not self and other._is_spare(self.loop.time())]
        if not spare:
            return False
        max(spare, key=lambda other: (not other._is_head_complete, other._rested)).transport.close()
        return True

    def _is_spare(self, now: float) -> bool:
        if self.transport.is_closing():
            return False
        # A sender that means no harm sends its headers in one piece, or nearly so.
        is_slow = self._message_since is not None and now - self._message_since > _SLOW_HEAD_SECONDS
        return self._rests or (is_slow and not self._is_head_complete)

    def _look(self) -> None:
        pause = self._bounds.seconds / 2
        state = self.cycle, self._message_since
        self._rested = self._rested + pause if self._looked_at == state else 0.0
        self._looked_at = state
        self._timer = self.loop.call_later(pause, self._look)
        if self.transport.is_closing() or self._is_stuck:
            self.transport.abort()  # `close` would wait until the answer has been read
        elif self._message_since is not None:
            if self.loop.time() - self._message_since >= self._bounds.seconds:
                self._end_late_request()
        elif self._rested > KEEP_ALIVE_SECONDS:
            self.transport.close()

    def _end_late_request(self) -> None:
        if not self._is_head_complete:
            self._refuse(answers.TOO_SLOW, "request too slow")
        elif self._is_answering:
            # The application waits for the body. It knows the source, so it counts the refusal: it finds LATE when the
            # connection ends.
            cast(Any, self.cycle.scope)[LATE] = True
            self.transport.write(answers.as_bytes(answers.TOO_SLOW))
            self.transport.close()
        else:
            self.transport.close()

    def _refuse(self, answer: answers.HttpAnswer, reason: str) -> None:
        if not self.transport.is_closing():
            self._note(reason)
            self.transport.write(answers.as_bytes(answer))
            self.transport.close()

    def _note(self, reason: str) -> None:
        self._bounds.note(reason, self.client[0] if self.client else None)
