"""The endpoint's table of answers, each row asked of a real web process."""

from __future__ import annotations

import base64
import json
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any, LiteralString
from urllib.parse import urlsplit

import httpx
import pytest
from psycopg import Connection

from ingest.batch import keys
from ingest.web.readiness import CAN_STORE
from tests.kept import kept, refused
from tests.logins import Logins
from tests.patience import PATIENT, PATIENT_WEB
from tests.ports import free_port
from tests.processes import answers, descendants, ingest, running_command, running_server, running_web, wait_until
from tests.pushes import push
from tests.readiness import ready_now, ready_once
from tests.servers import redis_set_to

Rows = Connection[dict[str, Any]]

PATH = "/airudder/custom-api"
MAX_BODY = 20_000


@pytest.fixture(scope="module")
def web_url(database_url: str, redis_url: str) -> Iterator[str]:
    """A web process that is open, with a small body limit."""
    with running_web(DATABASE_URL=database_url, REDIS_URL=redis_url, INGEST_MAX_BODY=str(MAX_BODY)) as url:
        yield url


@pytest.fixture(scope="module")
def guarded_url(database_url: str, redis_url: str) -> Iterator[str]:
    """A web process that wants a token; lender-a has two, as while one is being replaced."""
    tokens = "lender-a=alpha,lender-a=alpha-2, shop=s3cret"
    with running_web(DATABASE_URL=database_url, REDIS_URL=redis_url, INGEST_TOKENS=tokens) as url:
        yield url


ACKNOWLEDGED = {
    "documented": json.dumps(push()).encode(),
    "unknown fields": b'{"workflow_id": "w", "brand_new": {"x": [1]}}',
    "numbers as text": b'{"call": {"call_id": "c", "call_times": "2"}}',
    "text as numbers": b'{"call": {"call_id": 17}}',
    "nulls": b'{"workflow_id": null, "callee": null, "call": null}',
    "objects of another type": b'{"call": [], "callee": "x", "custom_attribute": 1}',
    "nothing recognised": b'{"hello": "world"}',
    "empty object": b"{}",
    "byte order mark": b'\xef\xbb\xbf{"workflow_id": "w"}',
    "lone surrogate": b'{"workflow_id": "\\ud800"}',
    "nul": b'{"workflow_id": "a\\u0000b"}',
    "beyond a double": b'{"custom_attribute": {"a": 1e400}}',
    "spaces around": b'\n  {"workflow_id": "w"}  \n',
}


@pytest.mark.parametrize("body", ACKNOWLEDGED.values(), ids=ACKNOWLEDGED.keys())
def test_object_is_acknowledged(web_url: str, client: Any, body: bytes) -> None:
    """Any JSON object is answered `200 {}` and kept byte for byte."""
    answer = httpx.post(web_url + PATH, content=body)

    assert (answer.status_code, answer.content) == (200, b"{}")
    assert [(one.body, one.source, one.kind) for one in kept(client)] == [(body, "default", "custom-api")]
    assert [str(one.uuid) for one in kept(client)] == [answer.headers["x-push-id"]]


REFUSED_AND_KEPT = {
    "array": (b"[]", 422, "a JSON object is expected, not an array"),
    "text": (b'"x"', 422, "a JSON object is expected, not a string"),
    "number": (b"17", 422, "a JSON object is expected, not a number"),
    "null": (b"null", 422, "a JSON object is expected, not null"),
    "form data": (b"a=1&b=2", 400, "not JSON: Expecting value (byte 0)"),
    "truncated": (b'{"call": {"call_id": "c"', 400, "not JSON: Expecting ',' delimiter (byte 24)"),
    "not UTF-8": (b'{"workflow_id": "\xff"}', 400, "not UTF-8 (byte 17)"),
    "not UTF-8 where skipped": (b'{"brand_new": "\xff"}', 400, "not UTF-8 (byte 15)"),
    "not a number": (b'{"a": NaN}', 400, "not JSON: NaN is not a JSON number"),
    # Beyond the recursion that any of the supported Pythons allows.
    "too deep": (b'{"a":' + b"[" * 19_900, 400, "not readable JSON: nested too deeply"),
    "two objects": (b"{}{}", 400, "not JSON: Extra data (byte 2)"),
}


@pytest.mark.parametrize(("body", "status", "error"), REFUSED_AND_KEPT.values(), ids=REFUSED_AND_KEPT.keys())
def test_other_body_is_refused_and_kept(web_url: str, client: Any, body: bytes, status: int, error: str) -> None:
    """What is no JSON object is refused with the reason, and kept all the same."""
    answer = httpx.post(web_url + PATH, content=body)

    assert (answer.status_code, answer.json()) == (status, {"error": error})
    assert [(one.body, str(one.uuid)) for one in kept(client)] == [(body, answer.headers["x-push-id"])]


REFUSED = {
    "empty body": ("POST", PATH, {}, b"", 400, "empty body", "default"),
    "wrong method": ("GET", PATH, {}, b"", 405, "wrong method", None),
    "unknown kind": ("POST", "/airudder/nonsense", {}, b"{}", 404, "unknown kind", None),
    "unknown encoding": ("POST", PATH, {"content-encoding": "br"}, b"\x8b", 415, "unknown content encoding", "default"),
    "too large": ("POST", PATH, {}, b" " * (MAX_BODY + 1), 413, "body too large", "default"),
}


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status", "reason", "source"), REFUSED.values(), ids=REFUSED.keys()
)
def test_other_request_is_refused_and_counted(
    web_url: str,
    client: Any,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    status: int,
    reason: str,
    source: str | None,
) -> None:
    """What cannot be a push is refused with a JSON error, counted by its reason and not kept."""
    answer = httpx.request(method, web_url + path, content=body, headers=headers)

    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert (kept(client), "x-push-id" in answer.headers) == ([], False)
    wait_until(lambda: refused(client, reason, source), "the refusal is counted")


def test_streamed_body_over_limit(web_url: str, client: Any) -> None:
    """A chunked body is refused once it is over the limit, and the connection closed."""
    answer = httpx.post(web_url + PATH, content=(b"x" * 1000 for _ in range(40)))

    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"
    assert kept(client) == []


def test_streamed_body_is_kept(web_url: str, client: Any) -> None:
    """A body that comes in chunks is put together, whatever its Content-Type."""
    body = json.dumps(push()).encode()
    chunks = (body[at : at + 100] for at in range(0, len(body), 100))

    answer = httpx.post(web_url + PATH, content=chunks, headers={"content-type": "text/plain"})

    assert answer.status_code == 200
    assert [one.body for one in kept(client)] == [body]


def test_sender_leaves_early(web_url: str, client: Any) -> None:
    """A sender that hangs up in mid-body is counted, and half a push is not kept."""
    address = urlsplit(web_url)
    with socket.create_connection((address.hostname, address.port)) as sender:
        sender.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{".encode())

    wait_until(lambda: refused(client, "sender left"), "the refusal is counted")
    assert kept(client) == []


def test_keep_alive_serves_many(web_url: str, client: Any) -> None:
    """One connection carries push after push, a refused one among them."""
    with httpx.Client(base_url=web_url) as sender:
        statuses = [sender.post(PATH, content=body).status_code for body in (b"{}", b"[]", b"{", b"", b"{}")]

    assert statuses == [200, 422, 400, 400, 200]
    assert len(kept(client)) == 4


def basic(text: bytes) -> dict[str, str]:
    """A Basic credential."""
    return {"authorization": "Basic " + base64.b64encode(text).decode()}


CREDENTIALS: dict[str, tuple[str, dict[str, str], str | None]] = {
    "path": ("/alpha", {}, "lender-a"),
    "path, other secret": ("/alpha-2", {}, "lender-a"),
    "bearer": ("", {"authorization": "Bearer s3cret"}, "shop"),
    "bearer in small letters": ("", {"authorization": "bearer s3cret"}, "shop"),
    "basic": ("", basic(b"anybody:s3cret"), "shop"),
    "none": ("", {}, None),
    "wrong path": ("/beta", {}, None),
    "wrong path, right header": ("/beta", {"authorization": "Bearer s3cret"}, None),
    "wrong bearer": ("", {"authorization": "Bearer nope"}, None),
    "empty bearer": ("", {"authorization": "Bearer"}, None),
    "no scheme": ("", {"authorization": "s3cret"}, None),
    "other scheme": ("", {"authorization": "Digest s3cret"}, None),
    "basic that is no base64": ("", {"authorization": "Basic %%%"}, None),
    "basic without colon": ("", basic(b"s3cret"), None),
    "basic that is no text": ("", basic(b"\xff:\xfe"), None),
    "path that is no text": ("/%ff%fe", {}, None),
    "source for secret": ("/lender-a", {}, None),
}


@pytest.mark.parametrize(("path", "headers", "source"), CREDENTIALS.values(), ids=CREDENTIALS.keys())
def test_credential_decides_source(
    guarded_url: str, client: Any, path: str, headers: dict[str, str], source: str | None
) -> None:
    """The right secret, in any of three places, gives the push its source; anything else is 401 and kept nowhere."""
    answer = httpx.post(guarded_url + PATH + path, content=b"{}", headers=headers)

    assert answer.status_code == (200 if source else 401)
    assert [one.source for one in kept(client)] == ([source] if source else [])


@pytest.mark.parametrize("path", ["/", "/alpha/"], ids=["header", "path"])
def test_slash_at_end_is_no_matter(guarded_url: str, client: Any, path: str) -> None:
    """A URL that was copied with a slash at its end takes pushes: a redirection would lose them."""
    answer = httpx.post(guarded_url + PATH + path, content=b"{}", headers={"authorization": "Bearer alpha"})

    assert answer.status_code == 200
    assert [one.source for one in kept(client)] == ["lender-a"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/", 404), ("POST", "/airudder", 404), ("POST", "/AIRudder/custom-api", 404), ("POST", "/healthz", 405)],
)
def test_other_path_is_refused_in_json(web_url: str, method: str, path: str, status: int) -> None:
    """Whatever is refused is told so in the same form."""
    answer = httpx.request(method, web_url + path, content=b"{}")

    assert answer.status_code == status
    assert list(answer.json()) == ["error"]


def test_health_and_readiness(web_url: str) -> None:
    """The process says that it lives, and whether and where it can store."""
    assert httpx.get(f"{web_url}/healthz").status_code == 200
    ready = httpx.get(f"{web_url}/readyz")
    assert ready.status_code == 200
    assert ready.json() == {
        "pushes": "are stored in Redis, and normalised from there",
        "redis": "can store",
        "postgres": "can store",
        "clock": "agrees with the servers'",
    }


def test_readiness_keeps_settings_to_itself(web_url: str, client: Any) -> None:
    """A setting of Redis's that could lose what it stores is for `doctor` and the log, and nothing for strangers."""
    with redis_set_to(client, maxmemory_policy="allkeys-lru"):
        ready = ready_now(web_url)

    assert ready.status_code == 200
    assert "maxmemory" not in ready.text


REFUSING = {
    "too few replicas": ({"min_replicas_to_write": "1"}, "refuses writes: it has too few replicas"),
    "full": ({"maxmemory": "1"}, "is full"),
}


@pytest.mark.parametrize(("values", "words"), REFUSING.values(), ids=REFUSING.keys())
def test_readiness_tells_what_push_would_get(
    web_url: str, client: Any, connection: Rows, environment: None, values: dict[str, str], words: str
) -> None:
    """A Redis that answers and refuses writes is none that can store: pushes go to Postgres, and `doctor` says why."""
    with redis_set_to(client, **values):
        ready = ready_once(web_url, words)
        pushed = httpx.post(web_url + PATH, json=push())
        found = ingest("doctor")

    assert ready.status_code == 200
    assert ready.json()["pushes"] == "are stored in Postgres as pending until Redis is back"
    assert pushed.status_code == 200
    assert connection.execute("SELECT status FROM airudder.pushes").fetchall() == [{"status": "pending"}]
    assert f"CHANGE  Redis would take no push: it {words} (" in found.stdout


@pytest.mark.parametrize("read_only", ["yes", "no"])
def test_replica_cannot_store(web_url: str, client: Any, read_only: str) -> None:
    """A replica refuses a push, or forgets it when it follows its primary again."""
    ready_once(web_url, CAN_STORE)
    with redis_set_to(client, replica_read_only=read_only):
        client.replicaof("127.0.0.1", "1")
        try:
            ready = ready_once(web_url, "is a replica")
        finally:
            client.replicaof("NO", "ONE")

    assert ready.json()["pushes"] == "are stored in Postgres as pending until Redis is back"


def test_readiness_leaves_nothing_behind(web_url: str, client: Any, connection: Rows) -> None:
    """What is written to see whether it can be is gone again, and counts as nothing."""
    assert ready_now(web_url).json()["redis"] == CAN_STORE

    # What web writes once a second may be of an earlier test.
    of_others = {keys.LAST_USED, "wrong_secrets", keys.REFUSED, keys.LAST_REFUSED, keys.LAST_REFUSALS}
    of_others |= {keys.KEPT, keys.KEEP_SECONDS, keys.BREAKER, keys.LAST_PUSH, keys.WEB}
    assert {name.decode().partition(":")[0] for name in client.scan_iter()} <= of_others
    assert connection.execute("SELECT FROM airudder.pushes").fetchall() == []


COLUMNS: LiteralString = "received_at, push_id, source, kind, body, signature"


@pytest.mark.parametrize(
    ("forbid", "allow"),
    [
        ("REVOKE INSERT ON airudder.pushes FROM airudder_web", None),
        ("ALTER TABLE airudder.pushes RENAME TO moved", "ALTER TABLE airudder.moved RENAME TO pushes"),
    ],
)
def test_readiness_wants_rights(logins: Logins, connection: Rows, forbid: str, allow: str | None) -> None:
    """A Postgres that answers, and would not take a push of web's, is none that can store."""
    with running_web(DATABASE_URL=logins.web, REDIS_URL="redis://127.0.0.1:1/0") as url:
        connection.execute(forbid)
        try:
            # What is asked within a tenth of a second after web's own first look has the answer of that.
            wait_until(lambda: httpx.get(f"{url}/readyz").status_code == 503, "the right is missed")
            ready = httpx.get(f"{url}/readyz")
        finally:
            connection.execute(allow or f"GRANT INSERT ({COLUMNS}) ON airudder.pushes TO airudder_web")

    assert ready.status_code == 503
    assert ready.json()["redis"] == "does not answer"
    assert ready.json()["pushes"] == "are answered 503: there is nowhere to store them"


def test_rolling_restart_refuses_nobody(database_url: str, redis_url: str, client: Any) -> None:
    """On SIGHUP web processes are replaced one by one while new connections are taken and answered."""
    environ = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "WEB_CONCURRENCY": "2", "PORT": str(free_port())}
    url = f"http://127.0.0.1:{environ['PORT']}"
    with running_command(*PATIENT_WEB, **environ) as web:
        wait_until(lambda: answers(url), "web answers")
        wait_until(lambda: len(descendants(web.pid, "spawn_main")) == 2, "both processes are started")
        before = set(descendants(web.pid, "spawn_main"))
        web.send_signal(signal.SIGHUP)

        def replaced() -> bool:
            # A connection of its own for each push, as from a sender that has none open.
            assert httpx.post(url + PATH, content=b"{}").status_code == 200
            return not before & set(descendants(web.pid, "spawn_main"))

        wait_until(replaced, "both processes are others")


def test_redis_away_stores_in_postgres(database_url: str, connection: Rows) -> None:
    """Without Redis a push is still answered 200 and is a pending row; readiness says so."""
    with running_web(DATABASE_URL=database_url, REDIS_URL="redis://127.0.0.1:1/0") as url:
        assert httpx.post(url + PATH, json=push()).status_code == 200
        ready = httpx.get(f"{url}/readyz")

    assert ready.status_code == 200
    assert ready.json()["pushes"] == "are stored in Postgres as pending until Redis is back"
    assert connection.execute("SELECT status FROM airudder.pushes").fetchall() == [{"status": "pending"}]


def test_nowhere_to_store_is_said() -> None:
    """Without Redis and Postgres the sender is asked to come back, and the process says it is not ready."""
    away = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0"}
    with running_web(**away) as url:
        answer = httpx.post(url + PATH, json=push())
        ready = httpx.get(f"{url}/readyz")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert answer.json() == {"error": "the push could not be stored: try again"}
    assert ready.status_code == 503


SURPRISED_WEB = (
    sys.executable,
    "-c",
    PATIENT
    + """
from ingest.web import serve
from ingest.web.readiness import Readiness
async def surprise(_readiness):
    raise RuntimeError("a surprise")
assert Readiness.check
Readiness.check = surprise
serve.main()
""",
)


def test_first_look_ends_nothing(environment: None, client: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """Where the first look at the servers fails in a way that nobody foresaw, pushes are stored and answered."""
    with running_server(SURPRISED_WEB, "PORT", answers) as url:
        logged = ""

        def is_logged() -> bool:
            nonlocal logged
            logged += capfd.readouterr().err
            return "the first look at the servers failed unexpectedly: RuntimeError" in logged

        wait_until(is_logged, "it is logged")
        assert httpx.post(url + PATH, content=b"{}").status_code == 200
    assert len(kept(client)) == 1
