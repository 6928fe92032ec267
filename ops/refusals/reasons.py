"""Reasons for a refusal: what each means, and what to do next."""

from __future__ import annotations

from typing import NamedTuple


class Reason(NamedTuple):
    """A reason in words."""

    answer: str
    """The HTTP status, or none"""
    meaning: str
    next_step: str


_TOO_MUCH = "Raise {} if the machine has room, or run more web processes: WEB_CONCURRENCY."
_SCANNER = "Nothing, unless the network is AI Rudder's."

REASONS: dict[str, Reason] = {
    "wrong credential": Reason(
        "401",
        "The request brought no secret, or one that no source has.",
        "Compare the fingerprint with those below, and the network with the vendor's.",
    ),
    "address not allowed": Reason(
        "403",
        "The request came from a network that is not in INGEST_ALLOW_IPS. With a source its secret was right.",
        "Add the network if it is the vendor's, as it is likely with a source. Behind a proxy see "
        "INGEST_TRUSTED_PROXIES.",
    ),
    "unknown path": Reason("404", "The path begins as ours, and goes on otherwise.", "Mend the URL in the workflow."),
    "unknown kind": Reason("404", "The path names a kind of push that there is not.", "Mend the URL in the workflow."),
    "unknown page": Reason("404", "Somebody asked for a page, as scanners do.", "Nothing."),
    "wrong method": Reason(
        "405",
        "Somebody opened the URL in a browser. With a source it was a push by PUT or PATCH.",
        "Nothing without a source, else have the sender use POST.",
    ),
    "request too slow": Reason(
        "408",
        "The request did not arrive whole within INGEST_REQUEST_SECONDS.",
        "Look at the line to the sender; or somebody holds connections.",
    ),
    "sender left": Reason(
        "none", "The sender closed the connection before its body was complete.", "Nothing, unless it is frequent."
    ),
    "body too large": Reason(
        "413",
        "The body is over INGEST_MAX_BODY.",
        "Raise INGEST_MAX_BODY if it was a push, and the proxy's bound with it.",
    ),
    "body expands too much": Reason(
        "413", "A gzip body unpacks to over 100 times its size.", "Look at the sender: a push does not."
    ),
    "endless request": Reason("413", "What was sent is no request that ends.", _SCANNER),
    "empty body": Reason("400", "The request had no body.", _SCANNER),
    "not HTTP": Reason("400", "What was sent is no HTTP, such as TLS to a port without it.", _SCANNER),
    "unknown content encoding": Reason(
        "415", "The body is packed in a way that is not understood.", "Have the sender use gzip, or nothing."
    ),
    "over the rate limit": Reason(
        "429",
        "The source sent over INGEST_RATE_LIMIT pushes a second, and ten seconds' worth at once.",
        "Raise INGEST_RATE_LIMIT if it may send as much: the vendor tries again a few times only.",
    ),
    "headers too large": Reason("431", "The headers are over 16 KiB, or over 100.", _SCANNER),
    "too many at once": Reason(
        "503", "One process had INGEST_MAX_CONCURRENT requests in hand.", _TOO_MUCH.format("INGEST_MAX_CONCURRENT")
    ),
    "too many bytes at once": Reason(
        "503",
        "One process had INGEST_MAX_BYTES_IN_HAND in hand, or one source half of it.",
        _TOO_MUCH.format("INGEST_MAX_BYTES_IN_HAND"),
    ),
    "too many connections": Reason(
        "503",
        "Every connection was busy that one process may have.",
        "Raise the limit of open files, or WEB_CONCURRENCY.",
    ),
    "nowhere to store": Reason(
        "503",
        "Neither Redis nor Postgres took the push.",
        "See on the page Now which server is away, and bring it back.",
    ),
    "shutting down": Reason("503", "Web was being stopped.", "Nothing: the vendor tries again."),
    "a fault of ours": Reason("500", "Web has failed at the request.", "Web's log names the place: report it."),
}
