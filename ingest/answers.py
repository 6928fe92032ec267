"""The endpoint's answers: prebuilt ASGI messages, one for each thing that can come of a request."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Answer:
    """A whole response: the two ASGI messages to send."""

    status: int
    start: dict[str, Any]
    body: dict[str, Any]


def answer(status: int, content: dict[str, Any], *headers: tuple[bytes, bytes]) -> Answer:
    """Build a JSON response; for errors `content` is `{"error": …}`."""
    body = json.dumps(content).encode()
    fixed = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    return Answer(
        status,
        {"type": "http.response.start", "status": status, "headers": [*fixed, *headers]},
        {"type": "http.response.body", "body": body},
    )


def error(status: int, text: str, *headers: tuple[bytes, bytes]) -> Answer:
    """Build an error's response."""
    return answer(status, {"error": text}, *headers)


_CLOSE = (b"connection", b"close")

ACKNOWLEDGED = answer(200, {})
EMPTY_BODY = error(400, "the body is empty")
WRONG_CREDENTIAL = error(401, "wrong or missing credential", (b"www-authenticate", b"Bearer"))
UNKNOWN_KIND = error(404, "no such kind of push")
WRONG_METHOD = error(405, "only POST is allowed here", (b"allow", b"POST"))
UNKNOWN_ENCODING = error(415, "this content encoding is not supported: send the body as it is", _CLOSE)
NOWHERE_TO_STORE = error(503, "the push could not be stored: try again", (b"retry-after", b"60"))


def too_large(max_body: int) -> Answer:
    """The body is over the limit; the rest of it is not read, so the connection cannot be used again."""
    return error(413, f"the body is over {max_body} bytes", _CLOSE)
