"""Waiting for locks of Postgres in a way that lets others pass."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.errors import DeadlockDetected, LockNotAvailable

from ingest.errors import MigrationError

PATIENCE_SECONDS = 300.0
"""How long one lock is tried for, as a report or a dump may hold it for minutes"""
FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 5.0

BEGIN_SESSION: LiteralString = "SET lock_timeout = '200ms'; SET statement_timeout = 0"

TRY_LOCK: LiteralString = "SELECT pg_try_advisory_lock(hashtext('airudder-ingest schema')) AS is_ours"
UNLOCK: LiteralString = "SELECT pg_advisory_unlock(hashtext('airudder-ingest schema'))"

OLDEST_TRANSACTION: LiteralString = """
SELECT pid, application_name, extract(epoch FROM now() - xact_start)::integer AS seconds
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
  AND xact_start IS NOT NULL
ORDER BY xact_start LIMIT 1
"""

AnyConnection = Connection[dict[str, Any]]


class Patience:
    """Tries a statement again until it has its lock. `warn` is told who is waited for."""

    def __init__(self, connection: AnyConnection, warn: Callable[[str], None]) -> None:
        self._connection = connection
        self._warn = warn

    def apply(self, what: str, statement: Callable[..., object], *arguments: Any) -> None:
        """Call a function until it raises no error for want of a lock; MigrationError after PATIENCE_SECONDS.

        Each try waits for the lock as long as the session's lock_timeout. Sessions that queue behind it go on in the
        pause before the next try.
        """
        deadline, wait = time.monotonic() + PATIENCE_SECONDS, FIRST_WAIT_SECONDS
        while True:
            try:
                statement(*arguments)
            except (LockNotAvailable, DeadlockDetected):
                self._connection.rollback()
                if time.monotonic() + wait > deadline:
                    raise MigrationError(f"{what} waits in vain for a lock{self._holder()}; migrate again") from None
            else:
                return
            if wait >= 1:
                self._warn(f"{what} waits for a lock{self._holder()}")
            time.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other migrating processes out in the block; MigrationError if one is at it for too long.

        The lock is asked for again and again. A session that waits for it inside Postgres would hold up CREATE INDEX
        CONCURRENTLY, which waits for all older statements.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        told = False
        while not self._is_ours():
            if time.monotonic() > deadline:
                raise MigrationError("another process migrates this database, and does not come to an end")
            if not told:
                self._warn("another process migrates this database: waiting for it")
                told = True
            time.sleep(FIRST_WAIT_SECONDS)
        try:
            yield
        finally:
            if not self._connection.closed and not self._connection.broken:
                self._connection.rollback()
                self._connection.execute(UNLOCK)

    def _is_ours(self) -> bool:
        row = self._connection.execute(TRY_LOCK).fetchone()
        assert row, "the statement gives one row"
        return bool(row["is_ours"])

    def _holder(self) -> str:
        oldest = self._connection.execute(OLDEST_TRANSACTION).fetchone()
        if not oldest:
            return ""
        return f": process {oldest['pid']} ({oldest['application_name']}) is in a transaction for {oldest['seconds']} s"
