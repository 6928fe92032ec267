"""Starts the embedded servers for a test run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Servers:
    """Where the tests' Postgres and Redis are."""

    database_url: str
    redis_url: str


@contextmanager
def embedded_servers(folder: Path) -> Iterator[Servers]:
    """Run the servers of `ingest up` in a folder."""
    raise NotImplementedError
    yield Servers("", "")
