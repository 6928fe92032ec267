"""The proxies' configurations in docs/production, run by the real programs: pushes come through, secrets stay out of
their logs."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from psycopg import Connection

from ops.local.system_user import is_root
from tests.debian import needs
from tests.ports import free_port
from tests.processes import running_into, running_web, wait_until
from tests.sources import ROOT
from tests.tls import Authority

Rows = Connection[dict[str, Any]]

PRODUCTION = ROOT / "docs" / "production"
SECRET = "s3cret-in-the-path-or-header"
PATH = f"/airudder/custom-api/{SECRET}"
BEARER = {"Authorization": f"Bearer {SECRET}"}
SENDER, OTHER = "127.0.0.2", "127.0.0.3"
TOO_LARGE = b"[" + b" " * 1024 * 1024 + b"]"


@dataclass(frozen=True)
class Proxy:
    """A running proxy: where it listens, whom it has its certificate from, and the folder with all that it writes."""

    url: str
    authority: Authority
    folder: Path

    def post(self, path: str, body: bytes, *, sender: str = SENDER, **headers: str) -> int:
        """The answer's status; `sender` is an address of this machine to send from."""
        trusted = ssl.create_default_context(cafile=str(self.authority.file))
        with httpx.Client(transport=httpx.HTTPTransport(verify=trusted, local_address=sender)) as client:
            return client.post(f"{self.url}{path}", content=body, headers=headers).status_code

    def written(self) -> str:
        """Everything that it has written into any file."""
        return "\n".join(path.read_text(errors="replace") for path in self.folder.rglob("*") if path.is_file())


def with_changes(name: str, changes: dict[str, str]) -> str:
    """A configuration with what this machine has instead; each text must be there, as often as it likes."""
    text = (PRODUCTION / name).read_text()
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


@contextmanager
def nginx(folder: Path, authority: Authority, web_port: int) -> Iterator[str]:
    """nginx with docs/production/nginx.conf, as Debian includes it; gives its URL."""
    program, port = needs("nginx", "nginx-light"), free_port()
    certificate = authority.authority.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(folder / "fullchain.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    changes = {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/etc/ssl/airudder-ingest": str(folder),
        "/var/log/nginx": str(folder),
        "127.0.0.1:8000": f"127.0.0.1:{web_port}",
    }
    (folder / "airudder-ingest.conf").write_text(with_changes("nginx.conf", changes))
    folders = "".join(f"{name}_temp_path {folder}/{name};\n" for name in ("proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"{'user root;' if is_root() else ''}\ndaemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{\nclient_body_temp_path {folder}/body;\n{folders}access_log {folder}/access.log;\n"
        f"include {folder}/airudder-ingest.conf;\n}}\n"
    )
    with running_into(folder / "output.log", program, "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log"):
        yield f"https://localhost:{port}"


@contextmanager
def haproxy(folder: Path, authority: Authority, web_port: int) -> Iterator[str]:
    """HAProxy with docs/production/haproxy.cfg; gives its URL."""
    program, port = needs("haproxy"), free_port()
    authority.authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
    changes = {
        "bind :443": f"bind 127.0.0.1:{port}",
        "/etc/haproxy/airudder-ingest.pem": f"{folder}/both.pem",
        "127.0.0.1:8000": f"127.0.0.1:{web_port}",
    }
    (folder / "haproxy.cfg").write_text(with_changes("haproxy.cfg", changes))
    with running_into(folder / "output.log", program, "-f", f"{folder}/haproxy.cfg"):
        yield f"https://localhost:{port}"


@contextmanager
def standing(proxy: Callable[..., Any], folder: Path) -> Iterator[Proxy]:
    """A proxy before a web process that takes pushes from SENDER alone, and believes the proxy who that is."""
    authority = Authority.make(folder / "ca.pem")
    believes = {"INGEST_TRUSTED_PROXIES": "127.0.0.1/32", "INGEST_ALLOW_IPS": f"{SENDER}/32"}
    with (
        running_web(INGEST_TOKENS=f"lender-a={SECRET}", **believes) as web,
        proxy(folder, authority, httpx.URL(web).port) as url,
    ):
        standing = Proxy(url, authority, folder)
        wait_until(lambda: _reaches_web(standing), "the proxy passes requests on")
        yield standing


def _reaches_web(proxy: Proxy) -> bool:
    try:
        return proxy.post("/airudder/custom-api", b"{}", sender=OTHER) == 403  # which is web's own
    except httpx.TransportError:
        return False


@pytest.fixture(params=[nginx, haproxy])
def proxy(request: pytest.FixtureRequest, environment: None, tmp_path: Path) -> Iterator[Proxy]:
    """Each of the proxies in turn."""
    with standing(request.param, tmp_path) as proxy:
        yield proxy


def test_pushes_come_through(proxy: Proxy, connection: Rows, client: Any) -> None:
    """A push is acknowledged with its secret in the path or in a header, a wrong one is refused."""
    assert proxy.post(PATH, b'{"call": {"call_id": "c1"}}') == 200
    assert proxy.post("/airudder/custom-api", b'{"call": {"call_id": "c2"}}', **BEARER) == 200
    assert proxy.post("/airudder/custom-api/wrong", b"{}") == 401
    by_hour = [client.hgetall(key) for key in client.keys("acknowledged:*")]
    assert {source for hour in by_hour for source in hour} == {b"lender-a"}
    assert sum(int(hour[b"lender-a"]) for hour in by_hour) == 2


def test_sender_is_who_the_proxy_saw(proxy: Proxy) -> None:
    """Web sees the sender's address behind the proxy's, and whatever the sender says of itself is no address."""
    assert proxy.post(PATH, b"{}", sender=OTHER) == 403
    assert proxy.post(PATH, b"{}", sender=OTHER, **{"X-Forwarded-For": SENDER}) == 403
    assert proxy.post(PATH, b"{}", sender=SENDER, **{"X-Forwarded-For": OTHER}) == 200


def test_pages_for_operators_are_hidden(proxy: Proxy) -> None:
    """What tells of the servers is not for strangers."""
    assert {proxy.post(page, b"") for page in ("/readyz", "/healthz")} == {404}


def test_secret_is_in_no_log(proxy: Proxy) -> None:
    """Neither proxy writes a secret down, be the push well, too large, mistyped or under too long a header."""
    for body in (b"{}", TOO_LARGE):
        assert {proxy.post(PATH, body), proxy.post("/airudder/custom-api", body, **BEARER)} == {
            413 if body == TOO_LARGE else 200
        }
    assert proxy.post(f"/airudder/custom-pai/{SECRET}", b"{}") == 404
    assert proxy.post(PATH, b"{}", **{"X-Long": "x" * 40_000}) in (400, 431)
    wait_until(lambda: len(re.findall(r"^127\.0\.0\.2 .* (?:413|404) ", proxy.written(), re.M)) == 3, "they are logged")

    assert SECRET not in proxy.written()


@pytest.mark.parametrize("start", [nginx, haproxy])
def test_secret_is_in_no_log_without_web(start: Callable[..., Any], tmp_path: Path) -> None:
    """A web that does not answer is 502 or 503 for the vendor, who retries, and no reason to write a path down."""
    authority = Authority.make(tmp_path / "ca.pem")
    with start(tmp_path, authority, free_port()) as url:
        proxy = Proxy(url, authority, tmp_path)
        assert wait_until(lambda: _status(proxy), "the proxy answers") in (502, 503)
        wait_until(lambda: re.search(r"^127\.0\.0\.2 .* 50[23] ", proxy.written(), re.M), "it is logged")

        assert SECRET not in proxy.written()


def _status(proxy: Proxy) -> int | None:
    try:
        return proxy.post(PATH, b"{}")
    except httpx.TransportError:
        return None
