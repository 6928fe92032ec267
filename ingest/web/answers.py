"""The endpoint's answers over HTTP: ASGI messages that are built once, one pair for each outcome of a request."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, NamedTuple

PUSH_ID = b"x-push-id"
"""The header that names the push that was kept, by which `ingest find` leads to it"""


class HttpAnswer(NamedTuple):
    """A whole response: the two ASGI messages to send."""

    status: int
    start: dict[str, Any]
    body: dict[str, Any]


def answer(status: int, content: dict[str, Any], *headers: tuple[bytes, bytes]) -> HttpAnswer:
    """Build a JSON response; for errors `content` is `{"error": …}`."""
    body = json.dumps(content).encode()
    fixed = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    return HttpAnswer(
        status,
        {"type": "http.response.start", "status": status, "headers": [*fixed, *headers]},
        {"type": "http.response.body", "body": body},
    )


def of_push(one: HttpAnswer, push_id: bytes) -> HttpAnswer:
    """The same response, with the id (16 bytes) of the push that it is about."""
    digits = push_id.hex()
    # By hand: `UUID` costs several times as much, and this is done for each push.
    name = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}".encode()
    return HttpAnswer(one.status, {**one.start, "headers": [*one.start["headers"], (PUSH_ID, name)]}, one.body)


def error(status: int, text: str, *headers: tuple[bytes, bytes]) -> HttpAnswer:
    """Build an error's response."""
    return answer(status, {"error": text}, *headers)


_CLOSE = (b"connection", b"close")
"""For answers after which the rest of a request is not read, as it may be endless. After any other refusal the body is
read and discarded, or its sender might not get to read the answer."""

ACKNOWLEDGED = answer(200, {})
EMPTY_BODY = error(400, "the body is empty")
WRONG_CREDENTIAL = error(401, "wrong or missing credential", (b"www-authenticate", b"Bearer"))
WRONG_ADDRESS = error(403, "pushes are not taken from this address")
UNKNOWN_KIND = error(404, "no such kind of push")
NOT_FOUND = error(404, "not found")
WRONG_METHOD = error(405, "only POST is allowed here", (b"allow", b"POST"))
TOO_SLOW = error(408, "the request took too long to arrive")
UNKNOWN_ENCODING = error(415, "this content encoding is not supported: send the body as it is, or as gzip")
OVER_RATE_LIMIT = error(429, "too many pushes from this source: try again", (b"retry-after", b"60"))
HEAD_TOO_LARGE = error(431, "the request's headers are too large", _CLOSE)
NOT_HTTP = error(400, "this is not HTTP")
TOO_MANY_AT_ONCE = error(503, "too many requests at once: try again", (b"retry-after", b"60"))
TOO_MUCH_AT_ONCE = error(503, "too many bytes at once: try again", (b"retry-after", b"60"))
ENDLESS = error(413, "the request is too large")
SHUTTING_DOWN = error(503, "this process is about to end: try again", (b"retry-after", b"60"), _CLOSE)
EXPANDS_TOO_MUCH = error(413, "the body expands too much", _CLOSE)
NOWHERE_TO_STORE = error(503, "the push could not be stored: try again", (b"retry-after", b"60"))


def as_bytes(one: HttpAnswer) -> bytes:
    """An answer as it goes over the wire, for a connection that ends with it."""
    headers = [header for header in one.start["headers"] if header != _CLOSE]
    lines = [f"HTTP/1.1 {one.status} {HTTPStatus(one.status).phrase}".encode()]
    lines += [name + b": " + value for name, value in (*headers, _CLOSE)]
    content: bytes = one.body["body"]
    return b"\r\n".join([*lines, b"", content])


def too_large(max_body: int) -> HttpAnswer:
    """The body is over the limit; the rest of it is not read, so the connection cannot be used again."""
    return error(413, f"the body is over {max_body} bytes", _CLOSE)
