"""TLS to Redis and Postgres: pushes go through it, and a server that cannot prove who it is gets nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict

from ingest.batch.clients import patient_client
from ops.doctor import encryption
from tests.ports import free_port
from tests.processes import ingest, running, running_web, wait_until
from tests.pushes import push
from tests.servers import redis_set_to
from tests.tls import Authority, Streams, tls_front

Rows = Connection[dict[str, Any]]

SECRET = "s3cret"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Whom the servers have their certificates from."""
    return Authority.make(tmp_path_factory.mktemp("trusted") / "ca.pem")


@contextmanager
def redis_over_tls(redis_url: str, authority: Authority, name: str = "localhost") -> Iterator[str]:
    """The tests' Redis under a `rediss://` URL, without what to verify it by."""
    where = urlsplit(redis_url)

    async def reach() -> Streams:
        return await asyncio.open_connection(where.hostname, where.port)

    credentials, at, _ = where.netloc.rpartition("@")
    with tls_front(authority.server_context(name), reach) as port:
        yield where._replace(scheme="rediss", netloc=f"{credentials}{at}localhost:{port}").geturl()


@contextmanager
def postgres_over_tls(database_url: str, authority: Authority, name: str = "localhost") -> Iterator[str]:
    """The tests' Postgres under a `postgresql://` URL, without what to verify it by."""
    where = conninfo_to_dict(database_url)
    host, real_port = str(where["host"]), int(where.get("port") or 5432)

    async def reach() -> Streams:
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{real_port}")
        return await asyncio.open_connection(host, real_port)

    credentials = f"{where['user']}:{quote(str(where.get('password', SECRET)), safe='')}"
    with tls_front(authority.server_context(name), reach, is_postgres=True) as port:
        yield f"postgresql://{credentials}@localhost:{port}/{where['dbname']}"


def test_pushes_go_through(
    redis_url: str, database_url: str, authority: Authority, client: Any, connection: Rows
) -> None:
    """With `rediss://` and `sslmode=verify-full` web, workers, sweeper and dashboard work, and `doctor` is content."""
    with redis_over_tls(redis_url, authority) as rediss, postgres_over_tls(database_url, authority) as postgresql:
        environ = {
            "REDIS_URL": f"{rediss}?ssl_ca_certs={authority.file}",
            "DATABASE_URL": f"{postgresql}?sslmode=verify-full&sslrootcert={authority.file}",
        }
        dashboard_port = str(free_port())
        nobody = f"rediss://localhost:1/0?ssl_ca_certs={authority.file}"
        with (
            running_web(**environ) as url,
            running_web(**{**environ, "REDIS_URL": nobody}) as url_without_redis,
            running("worker", WORKERS="1", **environ),
            running("sweeper", **environ),
            running("dashboard", DASHBOARD_PORT=dashboard_port, INGEST_CONSOLE_OPEN="yes", **environ),
        ):
            assert httpx.post(f"{url}/airudder/custom-api", json=push("c1")).status_code == 200
            assert httpx.post(f"{url_without_redis}/airudder/custom-api", json=push("c2")).status_code == 200
            calls = "SELECT call_id, through_redis FROM airudder.pushes WHERE status = 'normalised' ORDER BY call_id"
            expected = [{"call_id": "c1", "through_redis": True}, {"call_id": "c2", "through_redis": False}]
            wait_until(lambda: connection.execute(calls).fetchall() == expected, "both are normalised")
            dashboard = f"http://127.0.0.1:{dashboard_port}"
            wait_until(lambda: is_up(f"{dashboard}/"), "the dashboard answers")
            assert "normalise" in httpx.get(f"{dashboard}/rq/0/data/queues.json").text
            with redis_set_to(client, appendonly="yes", appendfsync="always"):
                result = ingest("doctor", **environ)
    assert result.returncode == 0, result.stdout
    assert "encrypted" not in result.stdout


def is_up(url: str) -> bool:
    """Whether something answers there."""
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("server", ["redis", "postgres"])
@pytest.mark.parametrize(
    ("is_trusted", "name", "why"),
    [(False, "localhost", "certificate verify failed"), (True, "elsewhere.example", "localhost")],
    ids=["unknown authority", "another's name"],
)
def test_impostor_is_refused(
    redis_url: str,
    database_url: str,
    authority: Authority,
    tmp_path: Path,
    server: str,
    is_trusted: bool,
    name: str,
    why: str,
) -> None:
    """A certificate of an unknown authority, or of another server, is an error of `doctor` that says so; the password
    is neither sent nor shown."""
    trusted = authority if is_trusted else Authority.make(tmp_path / "another.pem")
    with (
        redis_over_tls(redis_url, authority, name) as rediss,
        postgres_over_tls(database_url, authority, name) as postgresql,
    ):
        environ = {"REDIS_URL": redis_url, "DATABASE_URL": database_url}
        if server == "redis":
            environ["REDIS_URL"] = f"{rediss}?ssl_ca_certs={trusted.file}"
        else:
            environ["DATABASE_URL"] = f"{postgresql}?sslmode=verify-full&sslrootcert={trusted.file}"
        result = ingest("doctor", **environ)

    (complaint,) = [line for line in result.stdout.splitlines() if line.startswith("CHANGE")]
    assert result.returncode == 1
    assert f"{server.upper().replace('POSTGRES', 'DATABASE')}_URL" in complaint
    assert "certificate" in complaint
    assert why in complaint
    for secret in (urlsplit(redis_url).password, SECRET):
        assert not secret or secret not in result.stdout + result.stderr


def test_unverified_server_is_noted(redis_url: str, database_url: str, authority: Authority) -> None:
    """Encryption alone keeps nobody from posing as the server: `doctor` says what to add."""
    with redis_over_tls(redis_url, authority) as rediss, postgres_over_tls(database_url, authority) as postgresql:
        result = ingest(
            "doctor", REDIS_URL=f"{rediss}?ssl_cert_reqs=none", DATABASE_URL=f"{postgresql}?sslmode=require"
        )

    for advice in ("REDIS_URL: rediss://…?ssl_ca_certs=…", "DATABASE_URL: sslmode=verify-full&sslrootcert=…"):
        assert f"note    encrypted, but whoever answers is believed to be the server. {advice}" in result.stdout


def test_unencrypted_line_is_noted() -> None:
    """A line to another machine should be encrypted, one inside of this machine need not be."""
    urls = ("redis://192.0.2.1:6379/0", "redis://127.0.0.1:6379/0", "unix:///run/redis.sock")
    advice = [list(encryption.of_redis(patient_client(url))) for url in urls]
    assert advice == [["not encrypted, and the server is elsewhere. REDIS_URL: rediss://…?ssl_ca_certs=…"], [], []]
