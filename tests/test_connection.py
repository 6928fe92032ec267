"""Strangers who hold a connection and send no request, or a strange one, against a real web process."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from ingest.connection import MAX_HEAD, SPARE_FILES
from ingest.embedded.server import free_port
from tests.kept import kept, refused
from tests.processes import answers, running_command, running_web, wait_until

PATH = "/airudder/custom-api"


@pytest.fixture(scope="module")
def web_url(database_url: str, redis_url: str) -> Iterator[str]:
    """An open web process with little patience."""
    with running_web(DATABASE_URL=database_url, REDIS_URL=redis_url, INGEST_REQUEST_SECONDS="1") as url:
        yield url


def connect(url: str) -> socket.socket:
    """A connection."""
    address = urlsplit(url)
    return socket.create_connection((address.hostname, address.port), timeout=30)


def rest(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    answer = b""
    while piece := connection.recv(65536):
        answer += piece
    return answer


def answer_to(connection: socket.socket, request: bytes) -> bytes:
    """The answer to a push that is acknowledged."""
    connection.sendall(request)
    answer = b""
    while not answer.endswith(b"{}"):
        answer += connection.recv(1000)
    return answer


def error_of(answer: bytes) -> tuple[int, str]:
    """The status and the error of a whole answer; it closes the connection and is JSON."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    assert b"content-type: application/json" in head
    return int(head.split()[1]), json.loads(body)["error"]


SLOW = {
    "nothing": b"",
    "half a request line": b"POST /airudd",
    "half a head": f"POST {PATH} HTTP/1.1\r\nHost: x\r\nX-A: ".encode(),
}


@pytest.mark.parametrize("start", SLOW.values(), ids=SLOW.keys())
def test_slow_request_is_ended(web_url: str, client: Any, start: bytes) -> None:
    """A request whose headers do not come in time is told so, and its connection is closed."""
    with connect(web_url) as connection:
        connection.sendall(start)
        assert error_of(rest(connection)) == (408, "the request took too long to arrive")

    wait_until(lambda: refused(client, "request too slow", None), "the refusal is counted")


def test_second_request_has_its_own_time(web_url: str, client: Any) -> None:
    """A kept-alive connection may rest for longer than a request may take; half a second request may not."""
    with connect(web_url) as connection:
        request = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}".encode()
        assert answer_to(connection, request).startswith(b"HTTP/1.1 200 ")
        with connect(web_url) as other:
            rest(other)  # as long as it takes to end one that says nothing
        assert answer_to(connection, request).startswith(b"HTTP/1.1 200 ")
        connection.sendall(request[:20])
        assert error_of(rest(connection))[0] == 408
    assert len(kept(client)) == 2


def head(size: int) -> bytes:
    """A request with so many bytes of headers, but for a few."""
    return f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nX-A: {'a' * size}\r\n\r\n{{}}".encode()


def test_large_head_is_refused(web_url: str, client: Any) -> None:
    """In one piece or in many; one just below the bound is taken."""
    with connect(web_url) as connection:
        connection.sendall(head(MAX_HEAD))
        assert error_of(rest(connection)) == (431, "the request's headers are too large")
    wait_until(lambda: refused(client, "headers too large", None), "the refusal is counted")
    with connect(web_url) as connection:
        connection.sendall(head(MAX_HEAD - 100))
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert len(kept(client)) == 1


def test_endless_head_is_refused(web_url: str) -> None:
    """Headers that never end are cut off at the bound."""
    with connect(web_url) as connection:
        connection.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\n".encode())
        lines = f"X-A: {'a' * 100}\r\n".encode() * 500_000
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            connection.sendall(lines)
    assert answers(web_url)


@pytest.mark.parametrize(
    "garbage",
    [b"\x16\x03\x01\x02\x00\x01\x00", b"nonsense\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n"],
    ids=["TLS", "nonsense", "version", "path"],
)
def test_what_is_not_http_is_refused_in_json(web_url: str, client: Any, garbage: bytes) -> None:
    """Like everything else that is refused."""
    with connect(web_url) as connection:
        connection.sendall(garbage)
        assert error_of(rest(connection)) == (400, "this is not HTTP")

    wait_until(lambda: refused(client, "not HTTP", None), "the refusal is counted")


def test_pushes_go_on_among_slow_strangers(web_url: str, client: Any) -> None:
    """Hundreds of connections that send next to nothing keep nobody else from being served."""
    with ExitStack() as stack:
        for start in [*SLOW.values()] * 100:
            stack.enter_context(connection := connect(web_url))
            connection.sendall(start)
        statuses = [httpx.post(web_url + PATH, content=b"{}").status_code for _ in range(20)]

    assert statuses == [200] * 20
    assert len(kept(client)) == 20


def test_connections_are_bounded_by_open_files(database_url: str, redis_url: str) -> None:
    """A process that has no more files to open says so, instead of failing to accept."""
    port, files = free_port(), SPARE_FILES + 40
    url = f"http://127.0.0.1:{port}"
    environ = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "PORT": str(port)}
    command = f"ulimit -n {files}; exec {sys.executable} -m ingest.web"
    with running_command("sh", "-c", command, **environ), ExitStack() as stack:
        wait_until(lambda: answers(url), "web answers")
        connections = [stack.enter_context(connect(url)) for _ in range(60)]
        assert error_of(rest(connections[-1])) == (503, "too many requests at once: try again")
        connections[0].sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        assert connections[0].recv(1000).startswith(b"HTTP/1.1 200 ")
