"""The connection: uvicorn's own HTTP protocol, with bounds on how much one sender makes us keep in memory.

uvicorn leaves such bounds to a proxy in front. It keeps headers and trailers of any size, and any number of requests
that are sent before earlier ones are answered. How long a connection may last is for `ingest.web.timed_protocol`.
"""

from __future__ import annotations

from collections import deque

import httptools
from starlette.types import Receive, Scope, Send

from ingest.web import answers
from ingest.web.timed_protocol import TimedProtocol

MAX_HEAD = 16 * 1024
"""Bytes that the request line and the headers may have together"""
MAX_HEADERS = 100

_OF_UPGRADE = (b"upgrade", b"http2-settings")
"""Options of the header Connection that belong to an offer to upgrade"""
_DISCARDED: deque[tuple[bytes, bytes]] = deque(maxlen=0)
"""Keeps nothing that is appended"""


class _SentAheadError(Exception):
    """A second request began before the first one was answered."""


class BoundedProtocol(TimedProtocol):
    """One connection, on which the bytes of a request are counted as they come."""

    _received = 0
    """Bytes of the request in hand, with all that frames it"""

    def data_received(self, data: bytes) -> None:
        """Parse a piece. Headers that are too large are refused before their end has come."""
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
        """The sender has closed its side. True, to keep ours open, if a whole request waits for its answer."""
        is_whole = self._is_answering and not self.cycle.more_body
        if is_whole:
            self.cycle.keep_alive = False
        return is_whole

    def on_message_begin(self) -> None:
        """Note the first byte of a request. A second request before the first one is answered is an error."""
        if self.cycle is not None and not self.cycle.response_complete:
            raise _SentAheadError
        super().on_message_begin()
        self._message_since = self.loop.time()
        self._is_head_complete = False

    def on_headers_complete(self) -> None:
        """Hand the request to the application; if its headers are too large, to one that answers 431."""
        if self.parser.should_upgrade():
            return  # `data_received` parses this request again, without the offer to upgrade
        self._is_head_complete = True
        if len(self.headers) > MAX_HEADERS or (self._received > MAX_HEAD and self._head_size() > MAX_HEAD):
            self._note("headers too large")
            self.app = _head_too_large
        super().on_headers_complete()
        # Trailers, which follow a chunked body, are appended to `headers`: they are not kept.
        self.headers = _DISCARDED  # type: ignore[assignment]

    def on_message_complete(self) -> None:
        """Note the last byte of a request."""
        if not self.parser.should_upgrade():
            self._message_since = None
            super().on_message_complete()

    def _check_received(self) -> None:
        if not self._is_head_complete:
            self._refuse(answers.HEAD_TOO_LARGE, "headers too large")
        elif self._received > self._bounds.max_bytes and self._message_since is not None:
            # `ingest.web.body` counts the bytes of a body, and neither the frames of its chunks nor trailers.
            self._refuse(answers.ENDLESS, "endless request")

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        # Some clients offer HTTP/2 with every request, and we may ignore that. But llhttp would take the rest of the
        # bytes for the other protocol, so a new parser reads the request again without the offer.
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
            # The bytes that cannot be parsed follow a whole request: this is answered, then the connection closed.
            self.cycle.keep_alive = False
            self.flow.pause_reading()
        else:
            self._refuse(answers.NOT_HTTP, "not HTTP")

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + len(b": \r\n") for name, value in self.headers)


def _without_upgrade(name: bytes, value: bytes) -> bytes:
    if name != b"connection":
        return value
    return b",".join(option for option in value.split(b",") if option.strip().lower() not in _OF_UPGRADE)


async def _head_too_large(_scope: Scope, _receive: Receive, send: Send) -> None:
    """The application for such a request: `_refuse` would not stop llhttp, which goes on with the piece it has."""
    await send(answers.HEAD_TOO_LARGE.start)
    await send(answers.HEAD_TOO_LARGE.body)
