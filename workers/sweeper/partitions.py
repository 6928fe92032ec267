"""Partitions of the coming days. Each is made in a transaction of its own, which holds its locks for a moment only."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, LiteralString

from psycopg import Connection

from ingest.errors import WorkWaitsError
from workers import statements
from workers.database import Database
from workers.sweeper.chore import REST_SECONDS, Chore, try_each

DAYS_AHEAD = 7
CHECK_LIMIT: LiteralString = "SET LOCAL statement_timeout = '60s'"
"""For reading the default partition, for which no other session waits"""

_Connection = Connection[tuple[Any, ...]]


class Partitions(Chore):
    """Makes those of today and of a week ahead, also where the default partition has rows of such a day."""

    name = "partitions"
    every = 3600.0
    rest = REST_SECONDS

    def __init__(self, database: Database) -> None:
        self._database = database

    def run_once(self) -> int:
        """Look at each day; return 0.

        Raises psycopg.Error or RefusedError for a day, after the other days are made. Raises PostgresAwayError at once
        if the tables could not be locked, as the remaining days would wait for the same lock.
        """
        today = datetime.now(UTC).date()
        try_each((today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1)), self._make)
        return 0

    def _make(self, day: date) -> None:
        if self._call(statements.ENSURE_PARTITION, day) is None and self._call(statements.CLOSE_DEFAULT_TO, day):
            self._make_beside_many(day)

    def _make_beside_many(self, day: date) -> None:
        """Attach a day's partition where the default one is too large to be read under a lock.

        The default one has been closed to new rows of the day by a constraint. It is read without a lock here, after
        which attaching has nothing to read.
        """
        try:
            self._call(statements.CHECK_DEFAULT_FOR, day, CHECK_LIMIT)
        except WorkWaitsError:
            self._call(statements.OPEN_DEFAULT_TO, day)
            raise
        self._call(statements.ENSURE_PARTITION, day)

    def _call(self, statement: LiteralString, day: date, limit: LiteralString | None = None) -> Any:
        """Call a function about a day and return its answer. Tried once, as there is a week's time."""

        def call(connection: _Connection) -> Any:
            connection.execute(limit or statements.WAIT_FOR_LOCKS_BRIEFLY)
            (answer,) = connection.execute(statement, {"day": day}).fetchall()[0]
            return answer

        return self._database.run(call, patience_seconds=0)
