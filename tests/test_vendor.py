"""The vendor's API as a client sees it: tokens, faults, bounds; and `ingest verify`, which asks it about a push."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg import Connection

from ingest.errors import SettingError, VendorError
from ops.vendor import client as vendor_client
from ops.vendor.client import Credentials, Vendor, credentials_of
from tests.kept import kept
from tests.ports import free_port
from tests.processes import running_web
from tests.vendor import AUTH, DETAIL, KEY, NOTICE, SECRET, Canned, FakeVendor, Terminal, at_terminal, call, detail

Rows = Connection[dict[str, Any]]

ASK = ("verify", "w1", "n1", "+6281234567801")
NUMBER = ASK[-1]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Terminal]:
    """Where commands are typed."""
    with at_terminal(monkeypatch, capsys) as terminal:
        yield terminal


@pytest.fixture
def vendor(terminal: Terminal) -> FakeVendor:
    """AI Rudder, with one task."""
    terminal.vendor.tasks["t1"] = detail(call(NUMBER, "2026-11-24T09:01:52Z"))
    return terminal.vendor


def detail_of(url: str, times: int = 1, credentials: Credentials | None = None) -> bytes:
    """Ask for the task's detail, so many times with one client; the last answer."""

    async def ask() -> bytes:
        async with Vendor(credentials or Credentials(KEY, SECRET), url) as client:
            for _ in range(times):
                answer = await client.detail("t1")
            return answer

    return asyncio.run(ask())


def test_one_token_for_many_requests(vendor: FakeVendor) -> None:
    """It is fetched once, and goes with each request."""
    assert json.loads(detail_of(vendor.url, times=3))["data"]["TaskID"] == "t1"

    assert vendor.paths() == [AUTH, DETAIL, DETAIL, DETAIL]
    assert vendor.asked[1] == (DETAIL, {"TaskID": "t1"})


def test_requests_keep_their_distance(vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows how many the vendor takes."""
    monkeypatch.setattr(vendor_client, "PAUSE_SECONDS", 0.05)
    begun = time.monotonic()

    detail_of(vendor.url, times=4)

    assert time.monotonic() - begun >= 4 * 0.05


def test_expired_token_is_replaced_once(vendor: FakeVendor) -> None:
    """A 401 fetches a new token; a second one is told."""
    vendor.canned[DETAIL] = [Canned(401)]
    detail_of(vendor.url)
    assert vendor.paths() == [AUTH, DETAIL, AUTH, DETAIL]

    vendor.canned[DETAIL] = [Canned(401), Canned(401)]
    with pytest.raises(VendorError, match="refuses a new token too"):
        detail_of(vendor.url)


def test_old_token_is_not_used(vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a day a new one is fetched before anybody has to refuse the old one."""
    monkeypatch.setattr(vendor_client, "TOKEN_SECONDS", 0.0)

    detail_of(vendor.url, times=2)

    assert vendor.paths() == [AUTH, DETAIL, AUTH, DETAIL]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_busy_vendor_is_asked_again(vendor: FakeVendor, status: int) -> None:
    """Some times, and not for ever; the token's request too."""
    vendor.canned[AUTH] = [Canned(status)]
    vendor.canned[DETAIL] = [Canned(status, headers={"Retry-After": "3600"})] * (vendor_client.ATTEMPTS - 1)
    assert json.loads(detail_of(vendor.url))["code"] == 200

    vendor.canned[DETAIL] = [Canned(status)] * vendor_client.ATTEMPTS
    with pytest.raises(VendorError, match=rf"answered {status}, {vendor_client.ATTEMPTS} times"):
        detail_of(vendor.url)


def test_retry_after_is_obeyed(vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to a bound; a date or nonsense counts as none."""
    monkeypatch.setattr(vendor_client, "LONGEST_WAIT_SECONDS", 60.0)
    waits: list[float] = []

    async def note(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("ops.vendor.client.asyncio.sleep", note)
    told = ["7", "3600", "Wed, 21 Oct 2026 07:28:00 GMT", "-1"]
    vendor.canned[DETAIL] = [Canned(429, headers={"Retry-After": one}) for one in told]

    detail_of(vendor.url)

    assert [seconds for seconds in waits if seconds > 0.5][:2] == [7.0, 60.0]
    assert max(waits) == 60.0


def test_slow_vendor_is_not_waited_for(vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """One request has its time, and is told as slow."""
    monkeypatch.setattr(vendor_client, "TIMEOUT_SECONDS", 0.2)
    vendor.canned[DETAIL] = [Canned(seconds=1.0)]

    with pytest.raises(VendorError, match=r"has not answered within 0\.2 s"):
        detail_of(vendor.url)


def test_nobody_there(vendor: FakeVendor) -> None:
    """A connection that fails is tried again, and then told without the URL."""
    with pytest.raises(VendorError, match=r"could not be asked: ClientConnector\w+, 5 times$"):
        detail_of(f"http://127.0.0.1:{free_port()}")


@pytest.mark.parametrize(
    "answer",
    [
        Canned(401),
        Canned(403),
        Canned(body=b'{"data":null,"code":400}'),
        Canned(body=b'{"data":{"token":""}}'),
        Canned(body=b'{"data":{"token":"a\\nb"}}'),
    ],
)
def test_wrong_credentials_are_named_by_variable(vendor: FakeVendor, answer: Canned) -> None:
    """However the vendor says it."""
    vendor.canned[AUTH] = [answer]

    with pytest.raises(VendorError, match="look at AIRUDDER_APP_KEY and AIRUDDER_APP_SECRET"):
        detail_of(vendor.url)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"data":[]}', b'{"data":{"token":7}}', b"\xff"])
def test_answer_that_is_no_token(vendor: FakeVendor, body: bytes) -> None:
    """A page of a proxy's is no reason to doubt the credentials."""
    vendor.canned[AUTH] = [Canned(body=body)]

    with pytest.raises(VendorError, match="something else than documented"):
        detail_of(vendor.url)


def test_redirect_is_not_followed(vendor: FakeVendor) -> None:
    """Another host would get the token."""
    vendor.canned[DETAIL] = [Canned(302, headers={"Location": f"{vendor.url}{NOTICE}"})]

    with pytest.raises(VendorError, match="answered 302"):
        detail_of(vendor.url)

    assert NOTICE not in vendor.paths()


@pytest.mark.parametrize("url", ["http://api.airudder.com", "ftp://h", "https://u:p@h", "https://", "http://[", "h"])
def test_secret_goes_nowhere_else(url: str) -> None:
    """Neither in plain text over a network, nor to what is no host."""
    with pytest.raises(SettingError, match="--base-url"):
        Vendor(Credentials(KEY, SECRET), url)


def test_credentials_of_the_environment() -> None:
    """Both are needed; neither is shown."""
    both = {"AIRUDDER_APP_KEY": KEY, "AIRUDDER_APP_SECRET": SECRET}
    assert credentials_of(both).app_secret == SECRET
    assert SECRET not in repr(credentials_of(both))
    with pytest.raises(SettingError, match=r"^AIRUDDER_APP_SECRET not set"):
        credentials_of({**both, "AIRUDDER_APP_SECRET": ""})


def test_verify_shows_the_answer_as_received(terminal: Terminal) -> None:
    """Byte for byte; the ids are asked for as documented."""
    code, out, err = terminal.run(*ASK, "--case-id", "k1")

    assert (code, out.encode(), err) == (0, terminal.vendor.notice + b"\n", "")
    assert terminal.vendor.asked[-1] == (
        NOTICE,
        {"workflow_id": "w1", "node_id": "n1", "callee": NUMBER, "case_id": "k1"},
    )
    terminal.run(*ASK)
    assert "case_id" not in terminal.vendor.asked[-1][1]


def test_verify_shows_a_refusal(terminal: Terminal) -> None:
    """What it means is the vendor's to say: it is shown, and the exit code is 1."""
    terminal.vendor.canned[NOTICE] = [Canned(404, b'{"code":404,"status":"no such push"}')]

    assert terminal.run(*ASK) == (1, '{"code":404,"status":"no such push"}\n', "ingest: AI Rudder answered 404\n")


@pytest.mark.parametrize("secret", [KEY, SECRET, "token-0-5d8e"])
def test_answer_with_a_credential_is_not_shown(terminal: Terminal, secret: str) -> None:
    """A vendor that echoes the request does not make us print it."""
    terminal.vendor.canned[NOTICE] = [Canned(400, f'{{"you sent": "{secret}"}}'.encode())]

    code, out, err = terminal.run(*ASK)

    assert (code, out) == (1, "")
    assert "a credential of ours" in err


def test_verify_without_credentials(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables are named; nobody is asked."""
    monkeypatch.delenv("AIRUDDER_APP_KEY")

    code, _, err = terminal.run(*ASK)

    assert (code, err.count("\n"), "AIRUDDER_APP_KEY" in err) == (1, 1, True)
    assert terminal.vendor.asked == []
    monkeypatch.setenv("AIRUDDER_APP_KEY", f'"{KEY}"')
    assert "quotes" in terminal.run(*ASK)[2]


def test_kept_answer_is_a_push(environment: None, client: Any, terminal: Terminal) -> None:
    """Of a kind of its own, with the ids that were asked for and the answer as received."""
    with running_web(INGEST_TOKENS="lender=s3cret") as url:
        to = f"{url}/airudder/pulled-notice"
        assert terminal.run(*ASK, "--keep", "--to", to, "--token", "s3cret")[0] == 0
        code, _, err = terminal.run(*ASK, "--keep", "--to", to, "--token", "wr0ng")
        assert (code, err) == (1, "ingest: the answer is not kept: 1 answered 401\n")
        terminal.vendor.canned[NOTICE] = [Canned(body=b"<html>")]
        assert "not JSON" in terminal.run(*ASK, "--keep", "--to", to, "--token", "s3cret")[2]

    (one,) = kept(client)
    assert (one.kind, one.source) == ("pulled-notice", "lender")
    ids = f'"workflow_id":"w1","node_id":"n1","callee":"{NUMBER}"'.encode()
    assert one.body == b'{%b,"answer":%b}' % (ids, terminal.vendor.notice)
