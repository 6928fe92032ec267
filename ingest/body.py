"""The body: read whole, within the bound of its size, and unpacked if it came as gzip."""

from __future__ import annotations

import zlib

from starlette.types import Receive, Scope

from ingest import answers
from ingest.errors import BrokenEncodingError
from ingest.refusals import RefusedError

MAX_RATIO = 100
"""How many times its size a body may unpack to: JSON packs ten to thirty times, a trap a thousand."""
_GZIP = 16 + zlib.MAX_WBITS


class SenderLeftError(Exception):
    """The sender closed the connection before its body was complete: nobody waits for an answer."""


class BodyReader:
    """`max_body`: bytes, as sent and as unpacked. How long it may take is for `ingest.connection` to see to."""

    def __init__(self, max_body: int) -> None:
        self._max_body = max_body
        self._too_large = answers.too_large(max_body)

    async def read(self, scope: Scope, receive: Receive) -> bytes:
        """The body as JSON is expected in it.

        Raises RefusedError if it breaks a bound, SenderLeftError, and BrokenEncodingError with what came if that cannot
        be unpacked.
        """
        is_gzip = self._check_headers(scope)
        message = await receive()
        body: bytes = message.get("body", b"")
        if message.get("more_body") or message["type"] != "http.request":
            body = await self._read_rest(message["type"], body, receive)
        if len(body) > self._max_body:
            raise RefusedError(self._too_large, "body too large")
        if not body:
            raise RefusedError(answers.EMPTY_BODY, "empty body")
        return self._unpack(body) if is_gzip else body

    def _check_headers(self, scope: Scope) -> bool:
        is_gzip = False
        for name, value in scope["headers"]:
            if name == b"content-length" and int(value) > self._max_body:
                raise RefusedError(self._too_large, "body too large")
            if name == b"content-encoding" and (encoding := value.strip().lower()) not in (b"", b"identity"):
                if is_gzip or encoding not in (b"gzip", b"x-gzip"):
                    raise RefusedError(answers.UNKNOWN_ENCODING, "unknown content encoding")
                is_gzip = True
        return is_gzip

    async def _read_rest(self, message_type: str, first: bytes, receive: Receive) -> bytes:
        body, more = bytearray(first), True
        while more:
            if message_type == "http.disconnect":
                raise SenderLeftError
            if len(body) > self._max_body:
                raise RefusedError(self._too_large, "body too large")
            message = await receive()
            message_type, more = message["type"], message.get("more_body", False)
            body += message.get("body", b"")
        if message_type == "http.disconnect":
            raise SenderLeftError
        return bytes(body)

    def _unpack(self, packed: bytes) -> bytes:
        unpacker = zlib.decompressobj(_GZIP)
        bound = min(self._max_body, MAX_RATIO * len(packed))
        try:
            body = unpacker.decompress(packed, bound + 1)
        except zlib.error:
            raise BrokenEncodingError("the body is not gzip, as its Content-Encoding says", packed) from None
        if len(body) > self._max_body:
            raise RefusedError(self._too_large, "body too large")
        if len(body) > bound:
            raise RefusedError(answers.EXPANDS_TOO_MUCH, "body expands too much")
        if not unpacker.eof:
            raise BrokenEncodingError("the gzip body is truncated", packed)
        if unpacker.unused_data:
            raise BrokenEncodingError("something follows the gzip body", packed)
        if not body:
            raise RefusedError(answers.EMPTY_BODY, "empty body")
        return body
