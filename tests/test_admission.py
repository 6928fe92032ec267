"""Who is let in, asked of real web processes: networks, tokens and their rotation, rates, and room."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import random
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from ingest.batch import keys
from ingest.tokens import digest_of, fingerprint, item_of
from ingest.web.app import create_app
from tests.kept import kept, last_refusals, refused
from tests.patience import PATIENT_WEB
from tests.ports import free_port
from tests.processes import INGEST, answers, running, running_command, running_web, wait_until

PATH = "/airudder/custom-api"


@pytest.fixture
def web(database_url: str, redis_url: str) -> Callable[..., Any]:
    """Runs a web process with more variables."""

    def run(**environ: str) -> Any:
        return running_web(DATABASE_URL=database_url, REDIS_URL=redis_url, **environ)

    return run


def status(url: str, token: str = "", **headers: str) -> int:
    """How a push is answered."""
    return httpx.post(f"{url}{PATH}{token}", content=b"{}", headers=headers).status_code


def test_only_allowed_networks_may_push(web: Any, client: Any) -> None:
    """Behind a trusted proxy its word on the sender decides; health is for everybody."""
    with web(INGEST_ALLOW_IPS="203.0.113.0/24,2001:db8::/32", INGEST_TRUSTED_PROXIES="127.0.0.1") as url:
        statuses = [
            status(url, **{"x-forwarded-for": sender})
            for sender in ("203.0.113.9", "2001:db8::9", "198.51.100.9", "203.0.113.9, 198.51.100.9", "nonsense")
        ]
        direct = status(url)
        assert httpx.get(f"{url}/healthz").status_code == 200

        assert (statuses, direct) == ([200, 200, 403, 403, 403], 403)
        assert len(kept(client)) == 2
        wait_until(lambda: len(last_refusals(client)) == 4, "the refusals are kept")
        networks = [one.network for one in reversed(last_refusals(client))]
        assert networks == ["198.51.100.0/24", "198.51.100.0/24", None, "127.0.0.0/24"]


def test_stranger_cannot_claim_to_be_elsewhere(web: Any, client: Any) -> None:
    """Without a trusted proxy X-Forwarded-For is anybody's word."""
    with web(INGEST_ALLOW_IPS="203.0.113.0/24") as url:
        assert status(url, **{"x-forwarded-for": "203.0.113.9"}) == 403
    assert kept(client) == []


def test_wrong_token_is_noticed_and_not_kept(web: Any, client: Any) -> None:
    """A refusal is kept with where it came from and what the secret may be called, and without the secret."""
    with web(INGEST_TOKENS="shop=s3cret") as url:
        assert status(url, "/not-the-s3cret") == 401
        assert status(url) == 401
        wait_until(lambda: len(last_refusals(client)) == 2, "the refusals are kept")

    without, wrong = last_refusals(client)
    assert (wrong.reason, wrong.source, wrong.network) == ("wrong credential", None, "127.0.0.0/24")
    assert (wrong.credential, without.credential) == (fingerprint(digest_of(b"not-the-s3cret")), None)
    everything = str([client.dump(key) for key in client.keys("*")])
    assert "s3cret" not in everything


def test_flood_hides_nothing(web: Any, client: Any) -> None:
    """Of a flood the last hundred are kept, and beside them the last of each kind."""
    with web(INGEST_TOKENS="shop=s3cret") as url, httpx.Client(base_url=url) as sender:
        assert sender.post(PATH).status_code == 401
        for _ in range(150):
            assert sender.get(PATH).status_code == 405
        wait_until(lambda: int(client.hget("refused", "wrong method") or 0) == 150, "all are counted")

    assert {one.reason for one in last_refusals(client)} == {"wrong method"}
    assert set(client.hgetall("last_refused")) == {b"wrong credential", b"wrong method"}


def test_last_refusals_are_bounded(web: Any, client: Any) -> None:
    """A flood leaves a hundred."""
    with web(INGEST_TOKENS="shop=s3cret") as url, httpx.Client(base_url=url) as sender:
        for _ in range(250):
            assert sender.post(PATH).status_code == 401
        wait_until(lambda: int(client.hget("refused", "wrong credential") or 0) == 250, "all are counted")

    assert len(last_refusals(client)) == 100


def test_refusal_names_whose_it_is(web: Any, client: Any) -> None:
    """What is refused after the credential was right is counted for its source."""
    with web(INGEST_TOKENS="shop=s3cret", INGEST_MAX_BODY="10") as url:
        answer = httpx.post(f"{url}{PATH}/s3cret", content=b"x" * 11)
        assert answer.status_code == 413
        wait_until(lambda: refused(client, "body too large", "shop"), "the refusal is counted")

    assert last_refusals(client)[0].source == "shop"


def test_source_over_its_rate_leaves_others_alone(web: Any, client: Any) -> None:
    """After ten seconds' worth at once a source is told to come back; another is served."""
    with web(INGEST_TOKENS="greedy=one,modest=two", INGEST_RATE_LIMIT="1") as url, httpx.Client(base_url=url) as sender:
        first = [sender.post(f"{PATH}/one", content=b"{}").status_code for _ in range(10)]
        # At once: one after another they may take longer than the rate wants.
        with ThreadPoolExecutor(60) as senders:
            more = list(senders.map(lambda _: sender.post(f"{PATH}/one", content=b"{}"), range(60)))
        other = sender.post(f"{PATH}/two", content=b"{}")

    assert first == [200] * 10
    over = [one for one in more if one.status_code == 429]
    assert over
    assert {one.headers["retry-after"] for one in over} == {"60"}
    assert other.status_code == 200


@contextmanager
def held(url: str, requests: int, token: str = "") -> Iterator[list[socket.socket]]:
    """Requests whose bodies are not complete yet."""
    address = urlsplit(url)
    sockets = []
    for _ in range(requests):
        one = socket.create_connection((address.hostname, address.port), timeout=30)
        one.sendall(f"POST {PATH}{token} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{".encode())
        sockets.append(one)
    try:
        yield sockets
    finally:
        for one in sockets:
            one.close()


def test_too_many_at_once_are_sent_away(web: Any, client: Any) -> None:
    """Beyond its bound a process asks to come back, and those that it has in hand are served."""
    with web(INGEST_MAX_CONCURRENT="3") as url, held(url, 3) as sockets:
        wait_until(lambda: status(url) == 503, "there is no more room")
        answer = httpx.post(url + PATH, content=b"{}")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")

        sockets[0].sendall(b"}")
        assert sockets[0].recv(100).startswith(b"HTTP/1.1 200 ")
        assert status(url) == 200
        for one in sockets[1:]:
            one.sendall(b"}")
            assert one.recv(100).startswith(b"HTTP/1.1 200 ")


def test_source_has_half_of_the_room(web: Any, client: Any) -> None:
    """Where several sources push, one that holds what it may leaves the others theirs."""
    with web(INGEST_MAX_CONCURRENT="4", INGEST_TOKENS="greedy=one,modest=two") as url, held(url, 2, "/one"):
        wait_until(lambda: status(url, "/one") == 503, "the source has no more room")
        assert status(url, "/two") == 200


@contextmanager
def begun(url: str, head: str, body: bytes, times: int, token: str = "") -> Iterator[list[socket.socket]]:
    """Requests with a line of their own in the head, of whose bodies this is the beginning."""
    address = urlsplit(url)
    sockets = []
    for _ in range(times):
        one = socket.create_connection((address.hostname, address.port), timeout=30)
        one.sendall(f"POST {PATH}{token} HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode() + body)
        sockets.append(one)
    try:
        yield sockets
    finally:
        for one in sockets:
            one.close()


CHUNKED = "Transfer-Encoding: chunked"
BOUNDS = {"INGEST_MAX_BODY": "20000", "INGEST_MAX_BYTES_IN_HAND": "40000"}
HALF = b"{" + b" " * 19_000
"""Of what may be in hand"""


@pytest.mark.parametrize(
    ("head", "sent", "rest"),
    [
        ("Content-Length: 19002", b"", HALF + b"}"),
        (CHUNKED, b"4a39\r\n" + HALF + b"\r\n", b"1\r\n}\r\n0\r\n\r\n"),
    ],
    ids=["announced", "as they come"],
)
def test_too_many_bytes_at_once_are_sent_away(web: Any, client: Any, head: str, sent: bytes, rest: bytes) -> None:
    """Beyond its bound of bytes a process asks to come back, serves what it has in hand, and has room again."""
    with web(**BOUNDS) as url, begun(url, head, sent, 2) as sockets:
        wait_until(lambda: posted(url, HALF + b"}").status_code == 503, "there is no more room")
        before = len(kept(client))
        answer = posted(url, HALF + b"}")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
        assert answer.json() == {"error": "too many bytes at once: try again"}
        assert posted(url, (b" " * 10_000 for _ in range(2))).status_code == 503
        assert posted(url, gzip.compress(HALF + b"}", 0)).status_code == 503
        assert status(url) == 200
        for one in sockets:
            one.sendall(rest)
            assert one.recv(100).startswith(b"HTTP/1.1 200 ")
        assert posted(url, HALF + b"}").status_code == 200
        wait_until(lambda: client.hget("refused", "too many bytes at once\tdefault"), "the refusals are counted")
    assert len(kept(client)) == before + 4


def posted(url: str, content: Any) -> httpx.Response:
    """The answer to a body, marked as gzip if it is."""
    is_gzip = isinstance(content, bytes) and content.startswith(b"\x1f")
    return httpx.post(url + PATH, content=content, headers={"content-encoding": "gzip"} if is_gzip else {})


def test_gzip_counts_as_what_it_unpacks_to(web: Any, client: Any) -> None:
    """A packed body is small, and what waits to be stored is not."""
    body = json.dumps({"workflow_id": "w", "x": random.Random(7).randbytes(9_700).hex()}).encode()
    with web(**BOUNDS) as url, begun(url, "Content-Length: 19002", b"", 1), begun(url, "Content-Length: 2000", b"", 1):
        wait_until(lambda: posted(url, gzip.compress(body)).status_code == 503, "there is no room for what is in it")
        assert posted(url, body[:1000]).status_code == 400


def test_source_has_half_of_the_bytes(web: Any, client: Any) -> None:
    """Where several sources push, one that holds what it may leaves the others theirs."""
    with (
        web(**BOUNDS, INGEST_TOKENS="greedy=one,modest=two") as url,
        begun(url, "Content-Length: 19002", b"", 1, "/one"),
    ):
        wait_until(lambda: httpx.post(url + PATH + "/one", content=HALF).status_code == 503, "it has no more room")
        assert httpx.post(url + PATH + "/two", content=HALF + b"}").status_code == 200
        assert httpx.post(url + PATH + "/one", content=b"{}").status_code == 200


def test_bytes_of_every_end_are_given_back(web: Any, client: Any) -> None:
    """Whatever a request comes to, its bytes are in hand no more."""
    with web(**BOUNDS) as url, httpx.Client(base_url=url) as sender:
        for _ in range(30):
            for body in (HALF + b"}", HALF, b"[" + HALF[1:] + b"]", b"\xff" + HALF, b" " * 20_001):
                assert sender.post(PATH, content=body).status_code in (200, 400, 422, 413)
            assert posted(url, gzip.compress(HALF, 0)[:-1]).status_code == 400
            with begun(url, "Content-Length: 19002", HALF, 1):
                pass


def test_process_that_ends_says_so(web: Any, client: Any) -> None:
    """A sender whose body is not there yet when the process has to end is told to try again."""
    with web() as url:
        keeping = held(url, 1)
        sockets = keeping.__enter__()
        wait_until(lambda: status(url) == 200, "it serves")
    answer = sockets[0].recv(1000)
    keeping.__exit__(None, None, None)

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 60" in answer
    assert len(kept(client)) == 1


def test_signal_during_start_does_no_harm(database_url: str, redis_url: str, capfd: pytest.CaptureFixture[str]) -> None:
    """SIGHUP before there is an application to read tokens again."""
    port = free_port()
    with running("web", PORT=str(port), DATABASE_URL=database_url, REDIS_URL=redis_url) as process:
        wait_until(lambda: "serving pushes at" in capfd.readouterr().err, "it begins")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: answers(f"http://127.0.0.1:{port}"), "web answers")


def test_token_added_during_start_is_admitted(
    environment: None, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes into the file before web listens to SIGHUP is read all the same."""
    path = tmp_path / "tokens"
    path.write_text("shop=s3cret\n")
    monkeypatch.setenv("INGEST_TOKENS_FILE", str(path))
    app = create_app()
    path.write_text("shop=s3cret\nbank=other\n")

    async def answered() -> int:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as sender,
        ):
            return (await sender.post(f"{PATH}/other", content=b"{}")).status_code

    assert asyncio.run(answered()) == 200


@pytest.mark.parametrize("processes", ["1", "2"])
def test_broken_file_is_one_line_at_start(database_url: str, redis_url: str, tmp_path: Path, processes: str) -> None:
    """What is wrong with the tokens is said without a traceback."""
    (tmp_path / "tokens").write_text("s3cret\n")
    environ = {"INGEST_TOKENS_FILE": str(tmp_path / "tokens"), "WEB_CONCURRENCY": processes, "PORT": str(free_port())}
    result = subprocess.run(
        [INGEST, "web"],
        env={**os.environ, "DATABASE_URL": database_url, "REDIS_URL": redis_url, **environ},
        check=False,
        capture_output=True,
        text=True,
    )

    assert result.returncode == 1
    assert result.stderr.startswith("ingest: INGEST_TOKENS_FILE=")
    assert result.stderr.count("\n") == 1


def test_tokens_are_rotated_without_a_lost_push(
    database_url: str, redis_url: str, client: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """On SIGHUP one process reads the tokens file again: old and new side by side, then the new one alone; a broken
    file changes nothing."""
    file, port = tmp_path / "tokens", free_port()
    url = f"http://127.0.0.1:{port}"
    file.write_text(item_of("shop", "old") + "\n")
    environ = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "INGEST_TOKENS_FILE": str(file)}

    def reloaded(content: str, condition: Callable[[], bool]) -> None:
        file.write_text(content)
        process.send_signal(signal.SIGHUP)
        wait_until(condition, "the tokens are read again")

    with running_command(*PATIENT_WEB, PORT=str(port), **environ) as process:
        wait_until(lambda: answers(url), "web answers")
        assert (status(url, "/old"), status(url, "/new")) == (200, 401)

        both = f"{item_of('shop', 'old')}\n{item_of('shop', 'new')}\n"
        reloaded(both, lambda: status(url, "/new") == 200)
        assert status(url, "/old") == 200

        used = {fingerprint(digest_of(secret)).encode() for secret in (b"old", b"new")}
        wait_until(lambda: client.hgetall(keys.LAST_USED).keys() == used, "it is known which secrets came")

        reloaded(item_of("shop", "new"), lambda: status(url, "/old") == 401)
        assert status(url, "/new") == 200

        file.write_text("s3cret\n")
        process.send_signal(signal.SIGHUP)
        sentence = f"the tokens stay as they were: INGEST_TOKENS_FILE={file}: item 1 is not of the form"
        wait_until(lambda: sentence in capfd.readouterr().err, "the broken file is noticed")
        assert (status(url, "/new"), status(url)) == (200, 401)


def test_processes_that_replace_others_say_what_they_read(
    database_url: str, redis_url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """With several processes each new one says that it has read the tokens, or in one sentence why it cannot."""
    file, port = tmp_path / "tokens", free_port()
    file.write_text(item_of("shop", "old") + "\n")
    environ = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "INGEST_TOKENS_FILE": str(file)}
    lines: list[str] = []

    def logged(words: str) -> int:
        lines.extend(capfd.readouterr().err.splitlines())
        return sum(words in line for line in lines)

    with running_command(*PATIENT_WEB, PORT=str(port), WEB_CONCURRENCY="2", **environ) as process:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}"), "web answers")
        assert logged("the tokens") == 0
        file.write_text(f"{item_of('shop', 'new')}\n{item_of('bank', 'other')}\n")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: logged("the tokens are read again: 2 of 2 sources") == 2, "both processes have read them")

        file.write_text("s3cret\n")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: logged(f"cannot start: INGEST_TOKENS_FILE={file}: item 1 is not of the form"), "it says why")
        assert status(f"http://127.0.0.1:{port}", "/new") == 200
    assert "s3cret" not in "".join(lines)


def test_answers_carry_no_banner(web: Any) -> None:
    """Neither the server's name nor its version is told."""
    with web() as url:
        seen = [httpx.post(url + PATH, content=body) for body in (b"{}", b"", b"[")]
        seen += [httpx.get(url + path) for path in ("/", "/healthz", "/readyz", PATH)]

    for answer in seen:
        assert set(answer.headers) <= {"content-type", "content-length", "connection", "allow", "x-push-id"}
