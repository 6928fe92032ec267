"""The partitions of the coming days: each made in a transaction of its own, and nobody waits for it for long."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, LiteralString

import psycopg
from psycopg import Connection

from ingest.errors import PostgresAwayError, RefusedError
from workers import statements
from workers.database import Database

DAYS_AHEAD = 7
CHECK_LIMIT: LiteralString = "SET LOCAL statement_timeout = '60s'"
"""For reading the default partition, which hinders nobody but the sweeper"""

_BRIEFLY = statements.WAIT_FOR_LOCKS_BRIEFLY
_Connection = Connection[tuple[Any, ...]]


class Partitions:
    """Makes those of today and a week ahead. A day of which the default partition has many rows stays there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def make_ahead(self) -> int:
        """Look at each day; 0. Raises what stood in the way of one when the others are made; PostgresAwayError at once
        if the tables could not be locked, as the days that are left would wait for the same lock."""
        today = datetime.now(UTC).date()
        failure: Exception | None = None
        for day in (today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1)):
            try:
                self._make(day)
            except (RefusedError, psycopg.Error) as error:
                failure = error
        if failure:
            raise failure
        return 0

    def _make(self, day: date) -> None:
        if self._call(statements.ENSURE_PARTITION, day) is None and self._call(statements.CLOSE_DEFAULT_TO, day):
            self._make_beside_many(day)

    def _make_beside_many(self, day: date) -> None:
        """The default partition is too large to be read under a lock, and is closed to the day: read it, and attach."""
        try:
            self._call(statements.CHECK_DEFAULT_FOR, day, CHECK_LIMIT)
        except PostgresAwayError:
            self._call(statements.OPEN_DEFAULT_TO, day)
            raise
        self._call(statements.ENSURE_PARTITION, day)

    def _call(self, statement: LiteralString, day: date, limit: LiteralString = _BRIEFLY) -> Any:
        """What a function says of a day. Tried once: there is a week's time."""

        def call(connection: _Connection) -> Any:
            connection.execute(limit)
            (answer,) = connection.execute(statement, {"day": day}).fetchall()[0]
            return answer

        return self._database.run(call, patience_seconds=0)
