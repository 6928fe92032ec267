"""The connection: uvicorn's own HTTP protocol, with bounds on what a stranger may hold before there is a request: the
size of its headers, the time it takes to send them, and the number of connections."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ingest import answers

MAX_HEAD = 16 * 1024
"""Bytes of request line and headers"""
SPARE_FILES = 128
"""What a process opens beside its senders' connections"""


@dataclass(frozen=True)
class Bounds:
    """What the protocol needs to know; in the lifespan's state under the key `bounds`."""

    seconds: float
    """How long a request's headers may take to arrive"""
    max_connections: int
    note: Callable[[str], None]
    """Called with the reason when a connection is closed"""


def allow_many_connections() -> int:
    """Raise this process's limit of open files as far as it goes; how many connections that allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most - SPARE_FILES if most != resource.RLIM_INFINITY else 2**31


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn waits for a request's headers for ever, and takes any amount of them."""

    _timer: asyncio.TimerHandle | None = None
    _head_since: float | None = None
    """When the headers that are not complete yet were begun; the first ones with the connection"""
    _head_bytes = 0
    """What came since then, but for the piece in which they began"""
    _piece_bytes = 0

    @property
    def _bounds(self) -> Bounds:
        return cast(Bounds, self.app_state["bounds"])

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request, if there is room."""
        super().connection_made(transport)
        if len(self.connections) > self._bounds.max_connections:
            self._refuse(answers.TOO_MANY_AT_ONCE, "too many connections")
            return
        self._head_since = self.loop.time()
        self._timer = self.loop.call_later(self._bounds.seconds, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop looking."""
        if self._timer:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse a piece, and refuse headers that are too large without waiting for their end."""
        self._piece_bytes = len(data)
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_since is not None and self._head_bytes > MAX_HEAD and not self.transport.is_closing():
            self._refuse(answers.HEAD_TOO_LARGE, "headers too large")

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._head_bytes = 0
        if self._head_since is None:
            self._head_since = self.loop.time()

    def on_headers_complete(self) -> None:
        """The request goes to the application; if its headers are too large, to one that says so."""
        self._head_since = None
        if self._piece_bytes + self._head_bytes > MAX_HEAD and self._head_size() > MAX_HEAD:
            self._bounds.note("headers too large")
            self.app = _head_too_large
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What cannot be parsed is refused like everything else."""
        self._refuse(answers.NOT_HTTP, "not HTTP")

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _look(self) -> None:
        """Once in a while, rather than a timer a request: a push costs thirty microseconds, a timer one of them."""
        late = self._head_since is not None and self.loop.time() - self._head_since >= self._bounds.seconds
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if late and not is_answering:
            self._refuse(answers.TOO_SLOW, "request too slow")
        else:
            self._timer = self.loop.call_later(self._bounds.seconds / 2, self._look)

    def _refuse(self, answer: answers.Answer, reason: str) -> None:
        self._bounds.note(reason)
        self.transport.write(answers.as_bytes(answer))
        self.transport.close()


async def _head_too_large(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send(answers.HEAD_TOO_LARGE.start)
    await send(answers.HEAD_TOO_LARGE.body)
