"""Requests to no path of ours, sent to real web processes: counted by what they look like, and answered as before."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from ingest.tokens import digest_of, fingerprint
from tests.kept import kept, last_refusals, refused
from tests.processes import running_web, wait_until


@pytest.fixture(scope="module")
def web_url(database_url: str, redis_url: str) -> Iterator[str]:
    """A web process that wants a token."""
    tokens = {"INGEST_TOKENS": "shop=s3cret,bank=other"}
    with running_web(DATABASE_URL=database_url, REDIS_URL=redis_url, **tokens) as url:
        yield url


def answered(url: str, method: str, target: str, *headers: str) -> int:
    """The status of a request whose target goes over the wire as it is."""
    address = urlsplit(url)
    head = "\r\n".join([f"{method} {target} HTTP/1.1", "Host: x", "Content-Length: 2", *headers, "", "{}"])
    with socket.create_connection((address.hostname, address.port), timeout=30) as sender:
        sender.sendall(head.encode())
        return int(sender.makefile("rb").readline().split()[1])


RIGHT = {
    "doubled in front": "//airudder/custom-api/s3cret",
    "doubled within": "/airudder//custom-api/s3cret",
    "doubled before the secret": "/airudder/custom-api//s3cret",
    "doubled at the end": "/airudder/custom-api/s3cret//",
    "doubled and tripled": "///airudder//custom-api///s3cret/",
    "escaped": "/%61irudder%2Fcustom-api/s3cre%74",
    "escaped and doubled": "/airudder/%2Fcustom-api/s3cret",
    "whole URL": "http://push.example.com/airudder/custom-api/s3cret",
    "whole URL and doubled": "http://push.example.com//airudder/custom-api/s3cret",
    "with a query": "/airudder/custom-api/s3cret?token=s3cret",
}


@pytest.mark.parametrize("target", RIGHT.values(), ids=RIGHT.keys())
def test_slash_too_often_is_no_matter(web_url: str, client: Any, target: str) -> None:
    """The push URL is what it is, however it is spelt."""
    assert answered(web_url, "POST", target) == 200
    assert [one.source for one in kept(client)] == ["shop"]


MISTYPED = {
    "letter missing": ("/airuder/custom-api/s3cret", "shop", b"s3cret"),
    "prefix missing": ("/custom-api/s3cret", "shop", b"s3cret"),
    "prefix missing, trailing slash": ("/custom-api/s3cret/", "shop", b"s3cret"),
    "more behind": ("/airudder/custom-api/s3cret/extra", "shop", b"s3cret"),
    "twice": ("/airudder/custom-api/airudder/custom-api/other", "bank", b"other"),
    "capitals": ("/AIRudder/custom-api/other", "bank", b"other"),
    "secret alone": ("/s3cret", "shop", b"s3cret"),
    "wrong secret": ("/airuder/custom-api/nobody-s", None, None),
    "no kind": ("/airudder", None, None),
    "root": ("/", None, None),
    "only slashes": ("///", None, None),
    "long": ("/s3cret" + "/x" * 4000, None, None),
}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize(("target", "source", "secret"), MISTYPED.values(), ids=MISTYPED.keys())
def test_mistyped_push_is_counted(
    web_url: str, client: Any, method: str, target: str, source: str | None, secret: bytes | None
) -> None:
    """What is posted elsewhere is counted with whose secret it brought, and without its path; also by the methods that
    a sender may use by mistake."""
    assert answered(web_url, method, target) == 404
    wait_until(lambda: refused(client, "unknown path", source), "the refusal is counted")

    (last,) = last_refusals(client)
    assert (last.reason, last.source, last.network) == ("unknown path", source, "127.0.0.0/24")
    assert last.credential == (fingerprint(digest_of(secret)) if secret else None)
    assert "s3cret" not in str([client.dump(key) for key in client.keys("*")])


WITHOUT_KIND = {
    "left out": ("/airudder/s3cret", "shop", b"s3cret"),
    "left out, slash behind": ("/airudder/s3cret/", "shop", b"s3cret"),
    "mistyped": ("/airudder/custom-pi/other", "bank", b"other"),
    "secret before kind": ("/airudder/other/custom-api", "bank", b"other"),
    "mistyped, wrong secret": ("/airudder/custom-pi/nobody-s", None, b"nobody-s"),
    "no secret": ("/airudder/custom-pi", None, None),
}


@pytest.mark.parametrize(("target", "source", "secret"), WITHOUT_KIND.values(), ids=WITHOUT_KIND.keys())
def test_push_of_no_kind_is_counted(
    web_url: str, client: Any, target: str, source: str | None, secret: bytes | None
) -> None:
    """A push whose kind was mistyped or left out is counted with whose secret it brought."""
    assert answered(web_url, "POST", target) == 404
    wait_until(lambda: refused(client, "unknown kind", source), "the refusal is counted")

    (last,) = last_refusals(client)
    assert (last.reason, last.source) == ("unknown kind", source)
    assert last.credential == (fingerprint(digest_of(secret)) if secret else None)
    assert "s3cret" not in str([client.dump(key) for key in client.keys("*")])


def test_credential_in_a_header_says_whose_it_is(web_url: str, client: Any) -> None:
    """A mistyped path with a right header is that source's, and with another one shows what that may be called."""
    for secret in ("other", "nobody-s"):
        assert answered(web_url, "POST", "/airuder/custom-api", f"Authorization: Bearer {secret}") == 404
    wait_until(lambda: len(last_refusals(client)) == 2, "the refusals are kept")

    unknown, known = last_refusals(client)
    assert (known.source, known.credential) == ("bank", fingerprint(digest_of(b"other")))
    assert (unknown.source, unknown.credential) == (None, fingerprint(digest_of(b"nobody-s")))


@pytest.mark.parametrize(
    ("method", "target", "status", "reason"),
    [
        ("GET", "/wp-login.php", 404, "unknown page"),
        ("GET", "/favicon.ico", 404, "unknown page"),
        ("HEAD", "/", 404, "unknown page"),
        ("OPTIONS", "/airuder/custom-api", 404, "unknown page"),
        ("GET", "//airudder/custom-api", 405, "wrong method"),
        ("POST", "/healthz", 405, "wrong method"),
        ("GET", "//readyz/../readyz", 404, "unknown page"),
        ("DELETE", "//readyz", 405, "wrong method"),
        ("POST", "//airudder/custom-pi", 404, "unknown kind"),
    ],
)
def test_scanners_are_counted_apart(
    web_url: str, client: Any, method: str, target: str, status: int, reason: str
) -> None:
    """What nobody takes for a push does not hide a push that went astray."""
    assert answered(web_url, method, target) == status
    wait_until(lambda: refused(client, reason, None), "the refusal is counted")


def test_stray_is_logged(database_url: str, redis_url: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The log says so once a minute, without the path."""
    with running_web(DATABASE_URL=database_url, REDIS_URL=redis_url, INGEST_TOKENS="shop=s3cret") as url:
        assert httpx.post(f"{url}/airuder/custom-api/s3cret", content=b"{}").json() == {"error": "not found"}
        assert httpx.get(f"{url}/robots.txt").json() == {"error": "not found"}
        lines: list[str] = []

        def logged() -> bool:
            lines.append(capfd.readouterr().err)
            return "unknown path (shop) 1" in "".join(lines)

        wait_until(logged, "it is logged")
    assert "airuder" not in "".join(lines)
