"""The table of requests: each with marks of its own, and how it is to be answered."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from ingest.kinds import KINDS
from tests.leaks import pushes
from tests.leaks.marks import Marks
from tests.marked_by_kinds import told_by
from tests.patience import ANSWER_SECONDS

PATH = "/airudder/custom-api"
MAX_BODY = 1024 * 1024
MAX_HEAD = 16 * 1024
ANY = 0
SETTINGS = {
    "INGEST_REQUEST_SECONDS": "1",
    "INGEST_RATE_LIMIT": "60",
    "INGEST_TRUSTED_PROXIES": "127.0.0.1",
    "INGEST_ALLOW_IPS": "127.0.0.1,203.0.113.0/24",
}
"""With which requests are answered as this table says"""
_GZIP = "Content-Encoding: gzip"


@dataclass(frozen=True)
class Request:
    """The bytes of a request, and the status of its answer: ANY, or None where the sender does not wait for one."""

    name: str
    raw: bytes
    status: int | None

    @property
    def body(self) -> bytes:
        """What it carries, unpacked, if that is not sent in chunks."""
        head, _, body = self.raw.partition(b"\r\n\r\n")
        return gzip.decompress(body) if _GZIP.encode() in head else body


def http(target: str, headers: Iterable[str], body: bytes, method: str = "POST", length: int | None = None) -> bytes:
    """A request on a connection of its own; `length` is what it claims of its body."""
    lines = [f"{method} {target} HTTP/1.1", "Host: ingest.test", "Connection: close", *headers]
    if not any(line.lower().startswith("transfer-encoding:") for line in lines):
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class Requests:
    """Builds the table, for one source's token; another source has one too."""

    def __init__(self, marks: Marks, token: str, other_token: str) -> None:
        self._marks = marks
        self._word = marks.word
        self._bearer = f"Authorization: Bearer {token}"
        self._token = token
        self._other_token = other_token

    def push(self, body: bytes, *headers: str, kind: str = "custom-api") -> bytes:
        """A push with the right credential."""
        return http(f"/airudder/{kind}", [self._bearer, *headers], body)

    def documented(self) -> bytes:
        """A good push whose marks are new."""
        return self.push(pushes.Documented(self._marks).body())

    def kept(self) -> list[Request]:
        """What is stored, whatever the answer."""
        body = pushes.Documented(self._marks).body
        return [
            Request("token in the path", http(f"{PATH}/{self._token}", [], body()), 200),
            Request("token as Basic", http(PATH, [self._basic(self._token)], body()), 200),
            Request("token and a query", http(f"{PATH}/{self._token}/?{self._query()}", [], body()), 200),
            Request("headers", http(PATH, [self._bearer, *self._headers()], body()), 200),
            *(one for kind in {module: kind for kind, module in KINDS.items()}.values() for one in self._of_kind(kind)),
            Request("unrecognised", self.push(pushes.unrecognised(self._marks)), 200),
            Request("gzip", self.push(gzip.compress(body()), _GZIP), 200),
            Request("largest", self.push(pushes.largest(self._marks, MAX_BODY)), 200),
            *(Request(name, self.push(raw), status) for name, (status, raw) in pushes.broken(self._marks).items()),
        ]

    def _of_kind(self, kind: str) -> Iterator[Request]:
        """All forms in which a kind may come: as its struct has it, and as its own words tell of a person."""
        for form in pushes.REPAIRABLE:
            yield Request(f"{kind}: {form.__name__}", self.push(form(self._marks, kind).body(), kind=kind), 200)
        for body in told_by(kind, self._marks.number(f"{kind}: number"), self._word(f"{kind}: told")):
            yield Request(f"{kind}: told", self.push(json.dumps(body).encode(), kind=kind), 200)

    def one_more(self) -> Request:
        """One more of the other source, whose rate is bounded."""
        return Request("one more", http(f"{PATH}/{self._other_token}", self._headers(), b""), ANY)

    def refused(self) -> list[Request]:
        """What is answered without being stored, or stored as it cannot be unpacked."""
        word, marked = self._word, pushes.Documented(self._marks).body
        in_path = f"{PATH}/{self._token}"
        return [
            Request("wrong token in the path", http(f"{PATH}/{word('wrong path token')}", [], marked()), 401),
            Request("quoted token", http(f"{PATH}/%71{word('quoted token')}%C3%A9", [], marked()), 401),
            Request("wrong Bearer", self._with(f"Authorization: Bearer {word('wrong Bearer')}"), 401),
            Request("wrong Basic", self._with(self._basic(word("wrong Basic"))), 401),
            Request("no Basic", self._with(f"Authorization: Basic {word('not base64')}!"), 401),
            Request("unknown scheme", self._with(f"Authorization: {word('scheme')} {word('parameter')}"), 401),
            Request("no credential", self._with(*self._headers()), 401),
            Request("unknown kind", http(f"/airudder/{word('kind')}/{word('its token')}", [], marked()), 404),
            Request("unknown path", http(f"/{word('path')}?{self._query()}", [], marked()), 404),
            Request("token too deep", http(f"{in_path}/{word('below the token')}", [], marked()), 404),
            Request("wrong method", http(f"{in_path}?{self._query()}", self._headers(), b"", "GET"), 405),
            Request("too large", http(in_path, [], marked(), length=MAX_BODY + 1), 413),
            Request("too large in chunks", self._chunked(MAX_BODY + 1), 413),
            Request(
                "unknown encoding", http(in_path, [f"Content-Encoding: {word('encoding')}"], b"\xff" + marked()), 415
            ),
            Request("gzip cut off", self.push(gzip.compress(marked())[:-9], _GZIP), 400),
            Request("gzip of zeros", self.push(gzip.compress(marked() + bytes(MAX_BODY // 2)), _GZIP), 413),
            Request("not from here", self._from(self._marks.address("X-Forwarded-For of IPv4", "198.51.100")), 403),
            Request("nor from here", self._from(self._marks.address("X-Forwarded-For of IPv6", "2001:db8:7")), 403),
            Request("large head", self._with(f"X-Large: {word('large header') * (MAX_HEAD // 10)}"), 431),
            Request("slow head", f"POST {in_path} HTTP/1.1\r\nX-Slow: {word('slow header')}".encode(), 408),
            Request("slow body", http(in_path, self._headers(), marked(), length=MAX_BODY), 408),
            Request("empty", http(in_path, self._headers(), b""), 400),
            Request("left in mid-body", http(in_path, self._headers(), marked(), length=MAX_BODY), None),
            Request("left in mid-head", f"POST {in_path} HTTP/1.1\r\nX-Half: {word('half a header')}".encode(), None),
            *self._malformed(),
        ]

    def _malformed(self) -> list[Request]:
        word = self._word
        return [
            Request("no HTTP", f"{word('request line')} {word('more of it')}\r\n\r\n".encode(), 400),
            Request("bad version", f"POST {PATH}/{word('path')} HTTP/{word('version')}\r\n\r\n".encode(), 400),
            Request("bad header", self._with(f"{word('a name')} {word('without a colon')}"), 400),
            Request("bad target", http(f"{word('no slash')}:{word('port')}", [], b""), 400),
            Request("bad length", self._with(f"Content-Length: {word('length')}"), 400),
            Request("bad chunk", http(PATH, ["Transfer-Encoding: chunked"], f"{word('chunk')}\r\n".encode()), 400),
            Request("upgrade", self._with("Connection: Upgrade", f"Upgrade: {word('protocol')}"), 401),
        ]

    def _with(self, *headers: str) -> bytes:
        return http(PATH, headers, pushes.Documented(self._marks).body())

    def _from(self, address: str) -> bytes:
        return self.push(pushes.Documented(self._marks).body(), f"X-Forwarded-For: {address}")

    def _basic(self, password: str) -> str:
        credentials = f"{self._word('user of Basic')}:{password}"
        return f"Authorization: Basic {base64.b64encode(credentials.encode()).decode()}"

    def _query(self) -> str:
        return f"{self._word('name in the query')}={self._word('value in the query')}"

    def _headers(self) -> list[str]:
        word = self._word
        return [
            f"Referer: https://{word('host of Referer')}.test/{word('path of Referer')}",
            f"User-Agent: {word('User-Agent')}",
            f"X-Forwarded-For: {word('X-Forwarded-For')}, {self._marks.address('X-Forwarded-For', '203.0.113')}",
            f"Forwarded: for={word('Forwarded')}",
            f"X-Request-Id: {word('X-Request-Id')}",
            f"Cookie: {word('name of Cookie')}={word('Cookie')}",
            f"Content-Type: {word('Content-Type')}",
            f"{word('name of a header')}: {word('header')}",
        ]

    def _chunked(self, size: int) -> bytes:
        body = pushes.largest(self._marks, size)
        return http(PATH, [self._bearer, "Transfer-Encoding: chunked"], b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))


async def send(port: int, request: Request) -> bytes:
    """Send it on a connection of its own; the whole answer, whose status has to be the expected one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    # What is too large is answered, and the connection ended, before we have sent it all.
    with suppress(ConnectionError):
        writer.write(request.raw)
        await writer.drain()
        while request.status is not None and (chunk := await asyncio.wait_for(reader.read(65536), ANSWER_SECONDS)):
            answer += chunk
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    expected = b"HTTP/1.1 %d " % request.status if request.status else b""
    assert answer.startswith(expected), f"{request.name}: {answer[:200]!r}"
    return answer
