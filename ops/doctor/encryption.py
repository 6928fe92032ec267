"""Encryption: a connection to a server on another host should use TLS, and verify the server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from psycopg import Connection
from redis import Redis, SSLConnection

from ingest.settings import is_loopback


def of_postgres(connection: Connection[Any]) -> Iterator[str]:
    """Advice on the connection to Postgres."""
    info = connection.info
    is_verified = info.get_parameters().get("sslmode") == "verify-full"
    # A host that is a path is a socket.
    is_here = info.host.startswith("/") or is_loopback(info.host)
    yield from _advice(is_here, info.pgconn.ssl_in_use, is_verified, "DATABASE_URL: sslmode=verify-full&sslrootcert=…")


def of_redis(client: Redis) -> Iterator[str]:
    """Advice on the connection to Redis."""
    pool = client.connection_pool
    settings = pool.connection_kwargs
    is_encrypted = issubclass(pool.connection_class, SSLConnection)
    is_verified = settings.get("ssl_cert_reqs", "required") == "required" and settings.get("ssl_check_hostname", True)
    is_here = "path" in settings or is_loopback(settings.get("host", "localhost"))
    yield from _advice(is_here, is_encrypted, is_verified, "REDIS_URL: rediss://…?ssl_ca_certs=…")


def _advice(is_here: bool, is_encrypted: bool, is_verified: bool, example: str) -> Iterator[str]:
    if is_encrypted and not is_verified:
        yield f"encrypted, but whoever answers is believed to be the server. {example}"
    elif not is_encrypted and not is_here:
        yield f"not encrypted, and the server is elsewhere. {example}"
