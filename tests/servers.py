"""Starts the embedded servers for a test run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.local import embedded_postgres, embedded_valkey
from ops.local.server import make_data_dir, wait_until_ready
from ops.local.supervisor import Supervisor


@dataclass(frozen=True)
class Servers:
    """Where the tests' Postgres and Redis are."""

    database_url: str
    redis_url: str


@contextmanager
def embedded_servers(folder: Path) -> Iterator[Servers]:
    """Run the servers of `ingest up` in a folder."""
    make_data_dir(folder)
    servers = [embedded_postgres.prepare(folder), embedded_valkey.prepare(folder)]
    supervisor = Supervisor(lambda name, line: print(f"{name}: {line}"))  # noqa: T201 - pytest shows it on a failure
    try:
        for server in servers:
            supervisor.start(server.process)
            wait_until_ready(server, supervisor.pump)
        yield Servers(*(server.url for server in servers))
    finally:
        supervisor.stop(server.process.name for server in servers)


@contextmanager
def redis_set_to(client: Any, **values: str) -> Iterator[None]:
    """Give settings of Redis (`_` for `-`) other values until the block ends."""
    names = {name: name.replace("_", "-") for name in values}
    before = {name: client.config_get(name)[name] for name in names.values()}
    for name, value in values.items():
        client.config_set(names[name], value)
    try:
        yield
    finally:
        for name, value in before.items():
            client.config_set(name, value)
