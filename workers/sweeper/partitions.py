"""Partitions of the coming days. Each is made in a transaction of its own, which holds its locks for a moment only."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.errors import QueryCanceled

from ingest.errors import RefusedError, WorkWaitsError
from workers import statements
from workers.database import Database
from workers.sweeper.chore import REST_SECONDS, Chore, try_each

DAYS_AHEAD = 7
CHECK_LIMIT: LiteralString = "SET LOCAL statement_timeout = '60s'"
"""For reading the default partition, for which no other session waits. The sweeper's other chores do."""
UNREAD_REST_SECONDS = 3600.0
"""How long a default partition that is not read in that time is left alone: it would not be the next minute either"""

_Connection = Connection[tuple[Any, ...]]


class Partitions(Chore):
    """Makes those of today and of a week ahead, also where the default partition has rows of such a day."""

    name = "partitions"
    every = 3600.0
    rest = REST_SECONDS

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._read_again_at = 0.0

    def run_once(self) -> int:
        """Look at each day; return 0.

        Raises psycopg.Error or RefusedError for a day, after the other days are made. Raises PostgresAwayError at once
        if the tables could not be locked, as the remaining days would wait for the same lock. Where the default
        partition takes too long to be read, only the first day that needs it is tried, once an hour.
        """
        today = datetime.now(UTC).date()
        try_each((today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1)), self._make)
        return 0

    def _make(self, day: date) -> None:
        if self._call(statements.ENSURE_PARTITION, day) is not None:
            return
        if self._clock() < self._read_again_at:
            raise _unread(day)
        if self._call(statements.CLOSE_DEFAULT_TO, day):
            self._make_beside_many(day)

    def _make_beside_many(self, day: date) -> None:
        """Attach a day's partition where the default one is too large to be read under a lock.

        The default one has been closed to new rows of the day by a constraint. It is read without a lock here, after
        which attaching has nothing to read.
        """
        try:
            is_read = self._database.run(lambda connection: _read(connection, day), patience_seconds=0)
        except WorkWaitsError:
            self._call(statements.OPEN_DEFAULT_TO, day)
            raise
        if not is_read:
            self._call(statements.OPEN_DEFAULT_TO, day)
            self._read_again_at = self._clock() + UNREAD_REST_SECONDS
            raise _unread(day)
        self._call(statements.ENSURE_PARTITION, day)

    def _call(self, statement: LiteralString, day: date) -> Any:
        """Call a function about a day and return its answer. Tried once, as there is a week's time."""

        def call(connection: _Connection) -> Any:
            connection.execute(statements.WAIT_FOR_LOCKS_BRIEFLY)
            (answer,) = connection.execute(statement, {"day": day}).fetchall()[0]
            return answer

        return self._database.run(call, patience_seconds=0)


def _read(connection: _Connection, day: date) -> bool:
    """Whether the default partition was read to its end. Else the session stays, which has the sweeper's lock."""
    try:
        with connection.transaction():
            connection.execute(CHECK_LIMIT)
            connection.execute(statements.CHECK_DEFAULT_FOR, {"day": day})
    except QueryCanceled:
        return False
    return True


def _unread(day: date) -> RefusedError:
    return RefusedError(
        f"pushes_{day:%Y_%m_%d} is not made: pushes_default is not read within a minute, and is left alone for an hour"
    )
