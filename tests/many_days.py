"""A Postgres with little room for locks, and pushes of many days: nine locks each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg import Connection

from ingest.resources import locate
from ops.local import embedded_postgres
from ops.local.server import make_data_dir, wait_until_ready
from ops.local.supervisor import Supervisor
from workers.database import Database

_Result = TypeVar("_Result")

CONNECTIONS = 30
LOCKS = 10
"""The least that Postgres takes"""
ROOM = CONNECTIONS * LOCKS
"""For so many locks there is room by Postgres's own reckoning; in fact for some more."""

_MAKE: str = """
SELECT airudder.ensure_pushes_partition((now() AT TIME ZONE 'UTC')::date - back)
FROM generate_series(%s::integer, %s::integer) AS back
"""
_AT_ONCE = 10
"""Days made in one transaction, which keeps all their locks"""

_LOCKED: str = """
SELECT DISTINCT relname FROM pg_locks JOIN pg_class ON pg_class.oid = relation
WHERE pid = pg_backend_pid() AND relkind = 'r' AND relname ~ '^pushes_([0-9]{4}|default)'
"""


class LookingAtLocks(Database):
    """Notes of each transaction which partitions of `pushes` it has locked at its end."""

    def __init__(self, url: str) -> None:
        super().__init__(url, patience_seconds=0)
        self.locked: list[set[str]] = []

    def run(
        self, work: Callable[[Connection[tuple[Any, ...]]], _Result], patience_seconds: float | None = None
    ) -> _Result:
        """As before, and look before the commit."""

        def looked_at(connection: Connection[tuple[Any, ...]]) -> _Result:
            result = work(connection)
            self.locked.append({name for (name,) in connection.execute(_LOCKED.encode())})
            return result

        return super().run(looked_at, patience_seconds)


@contextmanager
def postgres_of_few_locks(folder: Path) -> Iterator[str]:
    """Run an embedded Postgres with our tables in a folder; gives its URL."""
    make_data_dir(folder)
    server = embedded_postgres.prepare(folder)
    settings = (f"max_locks_per_transaction={LOCKS}", f"max_connections={CONNECTIONS}", "fsync=off")
    options = tuple(word for setting in settings for word in ("-c", setting))
    process = replace(server.process, command=server.process.command + options)
    supervisor = Supervisor(lambda *_: None)
    supervisor.start(process)
    try:
        wait_until_ready(server, supervisor.pump)
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(locate("schema.sql").read_bytes())
        yield server.url
    finally:
        supervisor.stop([process.name])


def make_days(connection: Connection[Any], before: int, days: int) -> None:
    """Partitions of so many days, the last of them so many days before today."""
    for first in range(before, before + days, _AT_ONCE):
        connection.execute(_MAKE.encode(), (first, min(first + _AT_ONCE, before + days) - 1))
