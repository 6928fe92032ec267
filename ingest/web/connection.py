"""The connection: uvicorn's own HTTP protocol, with bounds on what a stranger may hold: headers, time, connections.

uvicorn leaves these to a proxy in front. It waits for a request for ever once its first byte is there, keeps any amount
of headers, trailers and requests that nobody has asked to be sent ahead, and never ends what does not read its answers.
"""

from __future__ import annotations

import asyncio
import resource
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

import httptools
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ingest.web import answers

MAX_HEAD = 16 * 1024
"""Bytes of request line and headers"""
MAX_HEADERS = 100
MAX_CONNECTIONS = 10_000
SPARE_FILES = 128
"""What a process opens beside its senders' connections"""
KEEP_ALIVE_SECONDS = 120
"""The vendor retries a minute later, perhaps on the same connection: it must not meet a closing one."""
STUCK_SECONDS = 30
"""An answer takes three at most; one that takes so long is not being read."""
LATE = "is_late"
"""In the scope of a request whose body did not come in time"""

_OF_UPGRADE = (b"upgrade", b"http2-settings")
_TO_EVICT = 200
"""Of so many connections one that takes its time for its headers, or the one that has rested the longest, makes room
for a new one."""
_SLOW_HEAD_SECONDS = 1.0


@dataclass(frozen=True)
class Bounds:
    """What the protocol needs to know; in the lifespan's state under the key `bounds`."""

    seconds: float
    """How long a request may take to arrive, from its first byte to its last"""
    max_bytes: int
    """Of one request, with all that frames it"""
    max_connections: int
    note: Callable[[str, str | None], None]
    """Called with the reason, and the peer's address, when a connection is refused"""


def allow_many_connections() -> int:
    """Raise this process's limit of open files as far as is needed; how many connections it allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + SPARE_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # as on macOS, which has another limit beside
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        wanted = soft
    return max(1, min(MAX_CONNECTIONS, wanted - SPARE_FILES))


_NOWHERE: deque[tuple[bytes, bytes]] = deque(maxlen=0)


class _SentAheadError(Exception):
    """A second request came before the first one was answered."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. Its times are looked at once in a while rather than by a timer a request."""

    _timer: asyncio.TimerHandle | None = None
    _message_since: float | None = None
    """When the first byte came of the request that is not complete yet"""
    _is_head_complete = True
    _received = 0
    """Bytes since the connection rested"""
    _looked_at: Any = None
    """The request that was the last one at the last look"""
    _rested = 0.0
    """Seconds for which it has been so, from look to look"""

    @property
    def _bounds(self) -> Bounds:
        return cast(Bounds, self.app_state["bounds"])

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _rests(self) -> bool:
        return self._message_since is None and not self._is_answering

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request, if there is room."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(self._bounds.seconds / 2, self._look)
        if len(self.connections) > self._bounds.max_connections and not self._make_room():
            self._refuse(answers.TOO_MANY_AT_ONCE, "too many connections")

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything; uvicorn keeps its own timer after a reset."""
        if self._timer:
            self._timer.cancel()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def data_received(self, data: bytes) -> None:
        """Parse a piece, and refuse headers that are too large without waiting for their end."""
        self._unset_keepalive_if_required()
        if self._message_since is None and (self.cycle is None or self.cycle.response_complete):
            self._received = 0
        self._received += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._stop_parsing()
        if self._received > MAX_HEAD:
            self._check_received()

    def eof_received(self) -> bool:  # type: ignore[override]
        """The sender sends no more; if it has sent a whole request, its answer comes yet."""
        is_whole = self._is_answering and not self.cycle.more_body
        if is_whole:
            self.cycle.keep_alive = False
        return is_whole

    def on_message_begin(self) -> None:
        """The first byte of a request; of a second one before the first has its answer, nothing is taken."""
        if self.cycle is not None and not self.cycle.response_complete:
            raise _SentAheadError
        super().on_message_begin()
        self._message_since = self.loop.time()
        self._is_head_complete = False

    def on_headers_complete(self) -> None:
        """The request goes to the application; if its headers are too large, to one that says so."""
        if self.parser.should_upgrade():
            return  # `data_received` is about to take it up anew
        self._is_head_complete = True
        if len(self.headers) > MAX_HEADERS or (self._received > MAX_HEAD and self._head_size() > MAX_HEAD):
            self._note("headers too large")
            self.app = _head_too_large
        super().on_headers_complete()
        # What comes after a chunked body belongs to nobody.
        self.headers = _NOWHERE  # type: ignore[assignment]

    def on_message_complete(self) -> None:
        """The last byte of a request."""
        if not self.parser.should_upgrade():
            self._message_since = None
            super().on_message_complete()

    def _check_received(self) -> None:
        if not self._is_head_complete:
            self._refuse(answers.HEAD_TOO_LARGE, "headers too large")
        elif self._received > self._bounds.max_bytes and self._message_since is not None:
            self._refuse(answers.ENDLESS, "endless request")  # a chunk's frame, or a trailer, is no body

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        # An offer to speak something else, as some clients make with every request: it may be passed over, but not
        # with llhttp, which takes what follows for that something.
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        if method == b"CONNECT":
            self._refuse(answers.NOT_HTTP, "not HTTP")
            return
        lines = [name + b": " + _without_upgrade(name, value) for name, value in self.headers if name != b"upgrade"]
        head = b"\r\n".join([b"%s %s HTTP/%s" % (method, self.url, version), *lines, b"", b""])
        self.parser = httptools.HttpRequestParser(self)
        self._message_since = None
        self.data_received(head + rest)

    def _stop_parsing(self) -> None:
        if self._is_answering and not self.cycle.more_body:
            # Whatever it was that followed, the request in hand has its answer, and the connection ends with it.
            self.cycle.keep_alive = False
            self.flow.pause_reading()
        else:
            self._refuse(answers.NOT_HTTP, "not HTTP")

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + len(b": \r\n") for name, value in self.headers)

    def _make_room(self) -> bool:
        some = islice(cast("set[BoundedProtocol]", self.connections), _TO_EVICT)
        spare = [other for other in some if other is not self and other._is_spare(self.loop.time())]
        if not spare:
            return False
        max(spare, key=lambda other: (not other._is_head_complete, other._rested)).transport.close()
        return True

    def _is_spare(self, now: float) -> bool:
        if self.transport.is_closing():
            return False
        # An honest sender's headers come in one piece, or nearly so.
        is_slow = self._message_since is not None and now - self._message_since > _SLOW_HEAD_SECONDS
        return self._rests or (is_slow and not self._is_head_complete)

    def _look(self) -> None:
        pause = self._bounds.seconds / 2
        self._rested = self._rested + pause if self._looked_at is self.cycle else 0.0
        self._looked_at = self.cycle
        self._timer = self.loop.call_later(pause, self._look)
        if self.transport.is_closing() or (self._is_answering and self._rested > STUCK_SECONDS):
            self.transport.abort()  # what is left to be sent is not read
        elif self._message_since is not None:
            if self.loop.time() - self._message_since >= self._bounds.seconds:
                self._end_late_request()
        elif self._rested > KEEP_ALIVE_SECONDS:
            self.transport.close()

    def _end_late_request(self) -> None:
        if not self._is_head_complete:
            self._refuse(answers.TOO_SLOW, "request too slow")
        elif self._is_answering:
            # The application waits for the body. It knows whose it is, and counts it when it sees the end.
            cast(Any, self.cycle.scope)[LATE] = True
            self.transport.write(answers.as_bytes(answers.TOO_SLOW))
            self.transport.close()
        else:
            self.transport.close()

    def _refuse(self, answer: answers.Answer, reason: str) -> None:
        if not self.transport.is_closing():
            self._note(reason)
            self.transport.write(answers.as_bytes(answer))
            self.transport.close()

    def _note(self, reason: str) -> None:
        self._bounds.note(reason, self.client[0] if self.client else None)


def _without_upgrade(name: bytes, value: bytes) -> bytes:
    if name != b"connection":
        return value
    return b",".join(option for option in value.split(b",") if option.strip().lower() not in _OF_UPGRADE)


async def _head_too_large(_scope: Scope, _receive: Receive, send: Send) -> None:
    """An application rather than `_refuse`, as llhttp goes on with the piece that it has."""
    await send(answers.HEAD_TOO_LARGE.start)
    await send(answers.HEAD_TOO_LARGE.body)
