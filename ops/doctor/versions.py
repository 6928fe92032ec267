"""Versions: what runs here, what the servers are, and how new the tables are."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from importlib import metadata

import msgspec

from ingest.errors import IngestError
from ingest.settings import Settings
from ops import in_flight, queries
from ops.doctor.tables_checks import APPLIED
from ops.migrations.files import read_migrations

DISTRIBUTION = "airudder-ingest"
_NAME = re.compile(r"[A-Za-z0-9._-]+")


class Version(msgspec.Struct, frozen=True):
    """One thing, and its version, or why that cannot be told."""

    of: str
    version: str


def of_programs() -> list[Version]:
    """Python, this program, and the packages that it names as its own needs, as they are installed."""
    needed = [_NAME.match(line) for line in metadata.requires(DISTRIBUTION) or () if "extra ==" not in line]
    names = sorted({found[0] for found in needed if found}, key=str.lower)
    packages = [Version(name, metadata.version(name)) for name in names]
    return [
        Version(DISTRIBUTION, metadata.version(DISTRIBUTION)),
        Version("Python", platform.python_version()),
        *packages,
    ]


def of_servers(current: Settings) -> list[Version]:
    """Postgres, the tables and Redis, as they answer now."""
    return [*_in_postgres(current), *_in_redis(current)]


def _in_postgres(current: Settings) -> Iterator[Version]:
    try:
        with queries.connect(current) as connection:
            yield Version("Postgres", connection.info.parameter_status("server_version") or "not told")
            number = queries.one(connection, APPLIED)["number"]
            newest = read_migrations()[-1].number
            yield Version("tables", f"{number}" if number == newest else f"{number}, and this program is of {newest}")
    except IngestError as error:
        yield Version("Postgres", str(error))


def _in_redis(current: Settings) -> Iterator[Version]:
    try:
        with in_flight.connect(current) as client:
            server = client.info("server")
            name = "Valkey" if "valkey_version" in server else "Redis"
            yield Version(name, server.get("valkey_version") or server["redis_version"])
    except IngestError as error:
        yield Version("Redis", str(error))
