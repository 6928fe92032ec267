"""The body: read whole, within the bound of its size, and unpacked if it is gzip.

Its bytes decide what it is. A proxy may unpack a body and leave the header, or pack it and leave the header out. No
JSON begins as gzip does, and what is UTF-8 is not packed.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from starlette.types import Receive, Scope

from ingest.errors import BrokenEncodingError
from ingest.web import answers
from ingest.web.admission import Admitted
from ingest.web.refusals import RequestRefusedError

MAX_RATIO = 100
"""How many times its size a body may unpack to. JSON packs ten to thirty times, a zip bomb a thousand times."""
MAX_MEMBERS = 500
"""How many members a gzip body may have: thousands of empty ones would take long to unpack."""
_GZIP = 16 + zlib.MAX_WBITS
_MAGIC = b"\x1f\x8b"
_PIECE = 16 * 1024
"""Bytes unpacked at once. It is small, as zlib copies the rest of a piece behind the end of a member."""
_PADDING = re.compile(rb"\0*")
_AS_IT_IS = (b"", b"identity")
_GZIP_ONCE = ([b"gzip"], [b"x-gzip"])


class SenderLeftError(Exception):
    """The sender closed the connection before its body was complete, so no answer is sent."""


class BodyReader:
    """`max_body`: in bytes, as sent and as unpacked. `ingest.web.timed_protocol` bounds how long a body may take."""

    def __init__(self, max_body: int) -> None:
        self._max_body = max_body
        self._too_large = answers.too_large(max_body)

    async def read(self, scope: Scope, receive: Receive, admitted: Admitted) -> bytes:
        """Read the body, and unpack it if it begins as gzip. Any text is taken as it is, whatever its header says.

        The bytes in hand are first those announced, or else those that have come, and at last those unpacked.

        Raises RequestRefusedError if the body breaks a bound, SenderLeftError, and BrokenEncodingError if it cannot be
        unpacked. `judge` and `decode` refuse such a body too, by its first two bytes.
        """
        is_understood = self._check_headers(scope, admitted)
        message = await receive()
        body: bytes = message.get("body", b"")
        if message.get("more_body") or message["type"] != "http.request":
            body = await self._read_rest(message["type"], body, receive, admitted)
        if len(body) > self._max_body:
            raise RequestRefusedError(self._too_large, "body too large")
        if not body:
            raise RequestRefusedError(answers.EMPTY_BODY, "empty body")
        if body.startswith(_MAGIC):
            body = self._unpack(body)
        if not is_understood and not _is_text(body):
            raise RequestRefusedError(answers.UNKNOWN_ENCODING, "unknown content encoding")
        admitted.hold(len(body))
        return body

    def _check_headers(self, scope: Scope, admitted: Admitted) -> bool:
        """Check the length that is announced; return whether the encodings are gzip once at most."""
        encodings: list[bytes] = []
        for name, value in scope["headers"]:
            if name == b"content-length":
                if (announced := int(value)) > self._max_body:
                    raise RequestRefusedError(self._too_large, "body too large")
                admitted.hold(announced)
            if name == b"content-encoding":
                encodings += _encodings(value)
        return not encodings or encodings in _GZIP_ONCE

    async def _read_rest(self, message_type: str, first: bytes, receive: Receive, admitted: Admitted) -> bytes:
        body, more = bytearray(first), True
        while more:
            if message_type == "http.disconnect":
                raise SenderLeftError
            if len(body) > self._max_body:
                raise RequestRefusedError(self._too_large, "body too large")
            admitted.hold_at_least(len(body))
            message = await receive()
            message_type, more = message["type"], message.get("more_body", False)
            body += message.get("body", b"")
        if message_type == "http.disconnect":
            raise SenderLeftError
        return bytes(body)

    def _unpack(self, packed: bytes) -> bytes:
        bound = min(self._max_body, MAX_RATIO * len(packed))
        body = bytearray()
        try:
            for piece in _unpacked(packed, bound + 1):
                body += piece
                if len(body) > self._max_body:
                    raise RequestRefusedError(self._too_large, "body too large")
                if len(body) > bound:
                    raise RequestRefusedError(answers.EXPANDS_TOO_MUCH, "body expands too much")
        except zlib.error:
            raise BrokenEncodingError("the body is not gzip, as its first two bytes say", packed) from None
        if not body:
            raise RequestRefusedError(answers.EMPTY_BODY, "empty body")
        return bytes(body)


def _encodings(value: bytes) -> list[bytes]:
    return [one for part in value.lower().split(b",") if (one := part.strip()) not in _AS_IT_IS]


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _unpacked(packed: bytes, at_most: int) -> Iterator[bytes]:
    """Unpack a gzip file (RFC 1952), one member after another, in pieces of `at_most` bytes.

    Zeros behind a member are padding. BrokenEncodingError or zlib.error if it is not such a file.
    """
    at = members = 0
    while at < len(packed):
        if members == MAX_MEMBERS or not packed.startswith(_MAGIC, at):
            raise BrokenEncodingError("something follows the gzip body", packed)
        unpacker = zlib.decompressobj(_GZIP)
        while not unpacker.eof:
            if at == len(packed):
                raise BrokenEncodingError("the gzip body is truncated", packed)
            piece = packed[at : at + _PIECE]
            at += len(piece)
            yield unpacker.decompress(piece, at_most)
        padding = _PADDING.match(packed, at - len(unpacker.unused_data))
        at, members = padding.end() if padding else at, members + 1
