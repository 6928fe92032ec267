"""Starts the embedded servers for a test run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ingest.embedded import postgres, valkey
from ingest.embedded.server import make_data_dir, wait_until_ready
from ingest.supervisor import Supervisor


@dataclass(frozen=True)
class Servers:
    """Where the tests' Postgres and Redis are."""

    database_url: str
    redis_url: str


@contextmanager
def embedded_servers(folder: Path) -> Iterator[Servers]:
    """Run the servers of `ingest up` in a folder."""
    make_data_dir(folder)
    servers = [postgres.prepare(folder), valkey.prepare(folder)]
    supervisor = Supervisor(lambda name, line: print(f"{name}: {line}"))  # noqa: T201 - pytest shows it on a failure
    try:
        for server in servers:
            supervisor.start(server.process)
            wait_until_ready(server, supervisor.pump)
        yield Servers(*(server.url for server in servers))
    finally:
        supervisor.stop(server.process.name for server in servers)
