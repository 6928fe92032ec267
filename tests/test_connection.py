"""Strangers who hold a connection and send no request, or a strange one, against a real web process."""

from __future__ import annotations

import json
import select
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from ingest.web.connection import MAX_HEAD, MAX_HEADERS
from ingest.web.timed_protocol import SPARE_FILES
from tests.kept import kept, refused
from tests.ports import free_port
from tests.processes import INGEST, answers, running_command, running_server, running_web, wait_until

PATH = "/airudder/custom-api"
PUSH = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}".encode()


@pytest.fixture(scope="module")
def web_url(database_url: str, redis_url: str) -> Iterator[str]:
    """An open web process with little patience."""
    with running_web(DATABASE_URL=database_url, REDIS_URL=redis_url, INGEST_REQUEST_SECONDS="3") as url:
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
        piece = connection.recv(1000)
        assert piece, "the connection is closed"
        answer += piece
    return answer


def error_of(answer: bytes) -> tuple[int, str]:
    """The status and the error of a whole answer; it closes the connection and is JSON."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    assert b"content-type: application/json" in head
    return int(head.split()[1]), json.loads(body)["error"]


SLOW = {
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


@pytest.mark.parametrize("extra", ["", "Expect: 100-continue\r\n", "Transfer-Encoding: chunked\r\n"])
def test_body_that_does_not_begin_is_ended(web_url: str, client: Any, extra: str) -> None:
    """A sender that vanishes after its headers holds nothing up for longer than a request may take."""
    length = "" if "chunked" in extra else "Content-Length: 2\r\n"
    with connect(web_url) as connection:
        connection.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\n{length}{extra}\r\n".encode())
        answer = rest(connection).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert error_of(answer) == (408, "the request took too long to arrive")

    wait_until(lambda: refused(client, "request too slow"), "the refusal is counted for its source")


def test_slow_body_is_no_answer_that_nobody_reads(database_url: str, redis_url: str, client: Any) -> None:
    """A body has the whole time of a request, also where that is longer than an answer may take; then it is told so."""
    stuck = "from ingest.web import serve, timed_protocol\ntimed_protocol.STUCK_SECONDS = 0.1\nserve.main()"
    environ = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "INGEST_REQUEST_SECONDS": "1"}
    with running_server((sys.executable, "-c", stuck), "PORT", answers, **environ) as url, connect(url) as connection:
        connection.sendall(PUSH[:-1])
        assert error_of(rest(connection)) == (408, "the request took too long to arrive")

        wait_until(lambda: refused(client, "request too slow"), "the refusal is counted for its source")
    assert refused(client, "sender left") is False


def test_connection_may_rest_before_its_first_request(web_url: str, client: Any) -> None:
    """A proxy opens connections ahead; one that rests for longer than a request may take is still good."""
    with connect(web_url) as early:
        with connect(web_url) as slow:
            slow.sendall(b"POST")
            rest(slow)  # as long as it takes to end a slow request
        assert answer_to(early, PUSH).startswith(b"HTTP/1.1 200 ")
    assert len(kept(client)) == 1


def test_requests_sent_ahead_are_not_kept_waiting(web_url: str, client: Any) -> None:
    """Of many requests at once the first is answered, and the connection closed: no stranger fills a queue."""
    with connect(web_url) as connection:
        connection.sendall(PUSH * 1000)
        answer = rest(connection)

    assert answer.count(b"HTTP/1.1 200 ") == 1
    assert len(kept(client)) == 1


@pytest.mark.parametrize("pieces", [1, 2])
def test_push_is_answered_whatever_follows_it(web_url: str, client: Any, pieces: int) -> None:
    """A push that is larger than any head may be, with the beginning of another request behind it."""
    body = b'{"a": "' + b"x" * (2 * MAX_HEAD) + b'"}'
    request = PUSH[:-2].replace(b"Content-Length: 2", b"Content-Length: %d" % len(body)) + body
    with connect(web_url) as connection:
        for piece in [request + b"POST /air"] if pieces == 1 else [request, b"POST /air"]:
            connection.sendall(piece)
        answer = rest(connection)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert [one.body for one in kept(client)] == [body]


def test_sender_that_is_done_sending_has_its_answer(web_url: str, client: Any) -> None:
    """A connection may be closed in one direction."""
    with connect(web_url) as connection:
        connection.sendall(PUSH)
        connection.shutdown(socket.SHUT_WR)
        assert rest(connection).startswith(b"HTTP/1.1 200 ")
    assert len(kept(client)) == 1


def test_refused_sender_reads_why(web_url: str) -> None:
    """What a refusal leaves unread is thrown away, and does not reset the connection before the answer is read."""
    body = b"x" * 500_000
    head = f"POST /airudder/nonsense HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with connect(web_url) as connection:
        for _ in range(3):
            connection.sendall(head)
            select.select([connection], [], [], 30)
            connection.sendall(body)
            answer = b""
            while not answer.endswith(b"}"):
                answer += connection.recv(1000)
            assert answer.startswith(b"HTTP/1.1 404 ")


def test_trailers_are_passed_over(web_url: str, client: Any) -> None:
    """What follows a chunked body is read, and belongs to nobody; without an end it is not read for ever."""
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n".encode()
    with connect(web_url) as connection:
        answer = answer_to(connection, head + b"Authorization: Bearer x\r\n" * 1000 + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 200 ")
    with connect(web_url) as connection:
        connection.sendall(head + b"a: b\r\n" * 1000)
        assert error_of(rest(connection))[0] == 408
    assert [one.body for one in kept(client)] == [b"{}"]


def test_endless_request_is_ended(web_url: str, client: Any) -> None:
    """A trailer, or a body that nobody reads, is cut off as well."""
    chunked = b"Host: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    for start in (
        b"GET /healthz HTTP/1.1\r\n" + chunked + b"0\r\nX: ",
        b"POST /x HTTP/1.1\r\n" + chunked + b"fffffff\r\n",
    ):
        with connect(web_url) as connection, pytest.raises(OSError, match=r"reset|Broken pipe"):
            connection.sendall(start + b"a" * 50_000_000)
    wait_until(lambda: int(client.hget("refused", "endless request") or 0) == 2, "both are counted")


@pytest.mark.parametrize("offer", ["h2c", "websocket", "TLS/1.2"])
def test_offer_to_upgrade_is_passed_over(web_url: str, client: Any, offer: str) -> None:
    """Some clients offer to speak HTTP/2 with every request: their pushes are as good as others, one after another."""
    extra = f"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: {offer}\r\nHTTP2-Settings: AAMAAABk\r\n"
    with connect(web_url) as connection:
        for _ in range(3):
            answer = answer_to(connection, PUSH.replace(b"Host: x\r\n", b"Host: x\r\n" + extra.encode()))
            assert answer.startswith(b"HTTP/1.1 200 ")
    assert [one.body for one in kept(client)] == [b"{}"] * 3


def test_offer_to_upgrade_keeps_what_else_is_asked(web_url: str) -> None:
    """Of the Connection header only the offer is passed over."""
    with connect(web_url) as connection:
        connection.sendall(PUSH.replace(b"Host: x\r\n", b"Host: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n"))
        assert b"connection: close" in rest(connection)


def test_tunnel_is_refused(web_url: str) -> None:
    """This is no proxy."""
    with connect(web_url) as connection:
        connection.sendall(b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n")
        assert error_of(rest(connection)) == (400, "this is not HTTP")


def test_second_request_has_its_own_time(web_url: str, client: Any) -> None:
    """A kept-alive connection may rest for longer than a request may take; half a second request may not."""
    with connect(web_url) as connection:
        assert answer_to(connection, PUSH).startswith(b"HTTP/1.1 200 ")
        with connect(web_url) as other:
            other.sendall(b"POST")
            rest(other)  # as long as it takes to end a slow request
        assert answer_to(connection, PUSH).startswith(b"HTTP/1.1 200 ")
        connection.sendall(PUSH[:20])
        assert error_of(rest(connection))[0] == 408
    assert len(kept(client)) == 2


def head(size: int) -> bytes:
    """A push with so many bytes of headers, but for a few."""
    return PUSH.replace(b"Host: x\r\n", f"Host: x\r\nX-A: {'a' * size}\r\n".encode())


@pytest.mark.parametrize(
    "request_", [head(MAX_HEAD), PUSH.replace(b"Host: x\r\n", b"a:\r\n" * (MAX_HEADERS + 1))], ids=["size", "number"]
)
def test_large_head_is_refused(web_url: str, client: Any, request_: bytes) -> None:
    """A whole head that is too large, in one way or another."""
    with connect(web_url) as connection:
        connection.sendall(request_)
        assert error_of(rest(connection)) == (431, "the request's headers are too large")
    wait_until(lambda: refused(client, "headers too large", None), "the refusal is counted")
    assert kept(client) == []


def test_head_below_the_bound_is_taken(web_url: str, client: Any) -> None:
    """In many pieces, and with a body that is larger than any head may be."""
    body = b"{" + b" " * (3 * MAX_HEAD) + b"}"
    request = head(MAX_HEAD - 200).replace(b"Content-Length: 2", b"Content-Length: %d" % len(body))[:-2] + body
    with connect(web_url) as connection:
        for at in range(0, len(request), 1000):
            connection.sendall(request[at : at + 1000])
        assert answer_to(connection, b"").startswith(b"HTTP/1.1 200 ")
    assert [one.body for one in kept(client)] == [body]


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
    """Hundreds of connections that send next to nothing keep nobody else from being served, and are ended."""
    with ExitStack() as stack:
        for start in [b"", *SLOW.values()] * 100:
            stack.enter_context(connection := connect(web_url))
            connection.sendall(start)
        statuses = [httpx.post(web_url + PATH, content=b"{}").status_code for _ in range(20)]

        assert statuses == [200] * 20
        assert error_of(rest(connection))[0] == 408
    assert len(kept(client)) == 20


@pytest.fixture
def narrow_url(database_url: str, redis_url: str) -> Iterator[str]:
    """A web process that may open few files."""
    port, files = free_port(), SPARE_FILES + 40
    url = f"http://127.0.0.1:{port}"
    environ = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "PORT": str(port)}
    command = f"ulimit -n {files}; exec {INGEST} web"
    with running_command("sh", "-c", command, **environ):
        wait_until(lambda: answers(url), "web answers")
        yield url


def test_connections_are_bounded_by_open_files(narrow_url: str) -> None:
    """A process that may open no more files ends connections that rest; where all are busy it sends new ones away."""
    with ExitStack() as stack:
        resting = [stack.enter_context(connect(narrow_url)) for _ in range(60)]
        readable, _, _ = select.select(resting, [], [], 30)
        assert readable, "some were ended"
        assert answer_to(stack.enter_context(connect(narrow_url)), PUSH).startswith(b"HTTP/1.1 200 ")

        def is_sent_away() -> bool:
            busy = stack.enter_context(connect(narrow_url))
            busy.sendall(PUSH[:-2])
            if not select.select([busy], [], [], 0.1)[0]:
                return False
            with suppress(ConnectionResetError):  # where it had sent more than was read
                assert error_of(rest(busy))[0] == 503
            return True

        wait_until(is_sent_away, "all are busy")


def test_slow_heads_make_room(narrow_url: str) -> None:
    """Where all connections have begun a request and do not go on with it, a new one still has its turn."""
    with ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(connect(narrow_url)).sendall(b"P")

        def has_its_turn() -> bool:
            with connect(narrow_url) as connection, suppress(OSError, AssertionError):
                return answer_to(connection, PUSH).startswith(b"HTTP/1.1 200 ")
            return False

        wait_until(has_its_turn, "one makes room")
