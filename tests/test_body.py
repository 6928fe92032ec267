"""Bodies that are packed, lie about their length, or come too slowly, sent to a real web process."""

from __future__ import annotations

import gzip
import json
import random
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from ingest.errors import BrokenEncodingError
from ingest.kinds.normalise import normalise
from ingest.web.body import BodyReader
from ingest.web.refusals import RequestRefusedError
from tests.kept import kept, refused
from tests.processes import running_web, wait_until
from tests.pushes import push

PATH = "/airudder/custom-api"
MAX_BODY = 20_000
BODY = json.dumps(push()).encode()
NOISE = json.dumps({"workflow_id": "w", "noise": random.Random(7).randbytes(9_000).hex()}).encode()
GZIP = {"content-encoding": "gzip"}


@pytest.fixture(scope="module")
def web_url(database_url: str, redis_url: str) -> Iterator[str]:
    """An open web process with a small body limit, and little patience."""
    environ = {"INGEST_MAX_BODY": str(MAX_BODY), "INGEST_REQUEST_SECONDS": "3"}
    with running_web(DATABASE_URL=database_url, REDIS_URL=redis_url, **environ) as url:
        yield url


def raw(url: str, *pieces: bytes) -> bytes:
    """What a web process answers to these bytes until it closes the connection."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        for piece in pieces:
            connection.sendall(piece)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", " x-gzip "])
@pytest.mark.parametrize("chunked", [False, True])
def test_gzip_is_unpacked(web_url: str, client: Any, encoding: str, chunked: bool) -> None:
    """A packed push is kept as the JSON that it is."""
    packed = gzip.compress(BODY)
    content = (packed[at : at + 50] for at in range(0, len(packed), 50)) if chunked else packed

    answer = httpx.post(web_url + PATH, content=content, headers={"content-encoding": encoding.strip()})

    assert (answer.status_code, answer.content) == (200, b"{}")
    assert [one.body for one in kept(client)] == [BODY]


@pytest.mark.parametrize(
    ("packed", "error"),
    [
        (b"not JSON", "not JSON: Expecting value (byte 0)"),
        (zlib.compress(BODY), "not UTF-8 (byte 1)"),
        (gzip.compress(BODY)[:-9], "the gzip body is truncated"),
        (gzip.compress(BODY)[:2], "the gzip body is truncated"),
        (gzip.compress(BODY)[:-4] + b"\0\0\0\0", "the body is not gzip, as its first two bytes say"),
        (gzip.compress(BODY) + b"x", "something follows the gzip body"),
        (gzip.compress(BODY) + b"\0x", "something follows the gzip body"),
        (gzip.compress(BODY) + BODY, "something follows the gzip body"),
        (gzip.compress(b'{"a":1') + gzip.compress(b"}")[:-1], "the gzip body is truncated"),
        (gzip.compress(b"{}") + gzip.compress(b"") * 500, "something follows the gzip body"),
        (b"\x1f\x8b" + BODY, "the body is not gzip, as its first two bytes say"),
    ],
    ids=[
        *(
            "plain and not JSON",
            "zlib",
            "truncated",
            "beginning alone",
            "wrong length",
            "trailing",
            "trailing behind zero",
        ),
        *("trailing JSON", "second one truncated", "too many members", "beginning, then JSON"),
    ],
)
def test_broken_gzip_is_refused_and_kept(web_url: str, client: Any, packed: bytes, error: str) -> None:
    """What cannot be unpacked is told so, and is a dead letter as it came: nothing of it is normalised."""
    answer = httpx.post(web_url + PATH, content=packed, headers=GZIP)

    assert (answer.status_code, answer.json()) == (400, {"error": error})
    (entry,) = kept(client)
    assert entry.body == packed
    assert normalise(entry).push.status == "dead"


READABLE = {
    "unpacked by a proxy": (BODY, "gzip", 200, BODY),
    "unpacked by a proxy, behind spaces": (b" \n" + BODY, "x-gzip", 200, b" \n" + BODY),
    "an array unpacked by a proxy": (b"[]", "gzip", 422, b"[]"),
    "several members": (gzip.compress(BODY[:100]) + gzip.compress(BODY[100:]), "gzip", 200, BODY),
    "an empty member first": (gzip.compress(b"") + gzip.compress(BODY), "gzip", 200, BODY),
    "zeros at the end": (gzip.compress(BODY) + bytes(500), "gzip", 200, BODY),
    "zeros between members": (gzip.compress(b"{") + bytes(3) + gzip.compress(b"}"), "gzip", 200, b"{}"),
    "more than is unpacked at once": (gzip.compress(NOISE, 0), "gzip", 200, NOISE),
    "gzip beside identity": (gzip.compress(BODY), "identity, GZip ,", 200, BODY),
    "no encoding": (BODY, "", 200, BODY),
    "identity": (BODY, "Identity", 200, BODY),
    "packed by a proxy that names no encoding": (gzip.compress(BODY), "", 200, BODY),
    "packed by another name": (gzip.compress(BODY), '"gzip"', 200, BODY),
    "packed once, named twice": (gzip.compress(BODY), "gzip, gzip", 200, BODY),
    "unpacked twice by proxies": (BODY, "gzip, gzip", 200, BODY),
    "brotli unpacked by a proxy": (BODY, "br", 200, BODY),
    "deflate unpacked by a proxy": (BODY, "deflate", 200, BODY),
    "a character set for an encoding": ('{"a":"é"}'.encode(), "utf-8", 200, '{"a":"é"}'.encode()),
    "an array unpacked from brotli": (b"[]", "br", 422, b"[]"),
    "text that is no JSON": (b"hello", "br", 400, b"hello"),
}


@pytest.mark.parametrize(("sent", "encoding", "status", "body"), READABLE.values(), ids=READABLE.keys())
def test_body_decides_whether_it_is_packed(
    web_url: str, client: Any, sent: bytes, encoding: str, status: int, body: bytes
) -> None:
    """What is JSON is a push whatever the header says, and gzip is whatever RFC 1952 calls so; answer and outcome
    agree."""
    answer = httpx.post(web_url + PATH, content=sent, headers={"content-encoding": encoding})

    assert answer.status_code == status
    (entry,) = kept(client)
    assert entry.body == body
    assert (normalise(entry).push.error is None) == (status == 200 and len(body) > len('{"a":"é"}'.encode()))


def test_many_members_cost_little() -> None:
    """What is nothing but beginnings of members, or padding, does not hold the process up."""

    def seconds(packed: bytes) -> float:
        begun = time.process_time()
        with suppress(BrokenEncodingError, RequestRefusedError):
            BodyReader(2**20)._unpack(packed)
        return time.process_time() - begun

    text = gzip.compress(b"x" * 2**20, 0)
    usual = min(seconds(text[: 2**20]) for _ in range(5))
    for hostile in (
        gzip.compress(b"") * 50_000,
        gzip.compress(b"") + bytes(2**20),
        (gzip.compress(b"") + b"\0") * 50_000,
    ):
        assert min(seconds(hostile) for _ in range(5)) < 50 * usual


TOO_MUCH = {
    "a bomb": (gzip.compress(b" " * 10_000_000), "body too large"),
    "just over the limit": (gzip.compress(bytes(range(256)) * 79), "body too large"),
    "over the ratio": (gzip.compress(b" " * (MAX_BODY - 1)), "body expands too much"),
}


@pytest.mark.parametrize(("packed", "reason"), TOO_MUCH.values(), ids=TOO_MUCH.keys())
def test_bomb_is_refused(web_url: str, client: Any, packed: bytes, reason: str) -> None:
    """The limit holds for what comes out; a body that unpacks to far more than it is, is a trap."""
    answer = httpx.post(web_url + PATH, content=packed, headers=GZIP)

    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"
    assert kept(client) == []
    wait_until(lambda: refused(client, reason), "the refusal is counted")


BROTLI = b"\x0b\x00\x80{}\x03"
PACKED_OTHERWISE = [
    (gzip.compress(gzip.compress(BODY)), ["gzip", "gzip"]),
    (gzip.compress(gzip.compress(BODY)), ["gzip, gzip"]),
    (zlib.compress(BODY), ["deflate"]),
    (BROTLI, ["br"]),
]


@pytest.mark.parametrize(("packed", "encodings"), PACKED_OTHERWISE)
def test_other_encodings_are_refused(web_url: str, client: Any, packed: bytes, encodings: list[str]) -> None:
    """Nothing is unpacked twice, or as something else."""
    answer = httpx.post(web_url + PATH, content=packed, headers=[("content-encoding", one) for one in encodings])

    assert answer.status_code == 415
    assert kept(client) == []


def test_empty_gzip_is_empty(web_url: str, client: Any) -> None:
    """Nothing, packed, is nothing."""
    answer = httpx.post(web_url + PATH, content=gzip.compress(b""), headers=GZIP)

    assert answer.status_code == 400
    assert answer.json() == {"error": "the body is empty"}


def test_declared_length_over_limit_is_refused_at_once(web_url: str, client: Any) -> None:
    """Nobody waits for a body that will be too large."""
    answer = raw(web_url, f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {MAX_BODY + 1}\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert kept(client) == []


def test_length_too_long_is_waited_for_in_vain(web_url: str, client: Any) -> None:
    """A sender that promises more than it sends is told so when its time is over, and half a push is not kept."""
    answer = raw(web_url, f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{{}}".encode())

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert kept(client) == []
    wait_until(lambda: refused(client, "request too slow"), "the refusal is counted")


def test_length_too_short_does_not_smuggle(web_url: str, client: Any) -> None:
    """What follows the promised length is no second push, but another request, and none at that."""
    answer = raw(web_url, f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}garbage\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert [one.body for one in kept(client)] == [b"{}"]


def test_two_lengths_are_no_request(web_url: str, client: Any) -> None:
    """A length and chunks at once are how requests are smuggled past a proxy."""
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"

    answer = raw(web_url, head.encode() + b"2\r\n{}\r\n0\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert kept(client) == []
