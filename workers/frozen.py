"""Frozen writers: a worker that stands still inside a statement, or between two of a pipeline, keeps its rows locked.
Postgres itself ends only who stands still between two statements."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ingest.errors import PostgresAwayError
from ingest.jobs import JOB_TIMEOUT_SECONDS
from workers import statements
from workers.postgres import Database

FROZEN_SECONDS = 2 * JOB_TIMEOUT_SECONDS
"""No transaction of a worker that moves is so old"""
REST_SECONDS = 60.0
"""How long to leave it after it was refused, as it is where the login may end no session"""

_log = logging.getLogger(__name__)


class FrozenWriters:
    """Ends the transactions of our own login that are old and wait for their worker: what they held can be written."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._due_at = 0.0

    def end(self) -> None:
        """Look once, and end what is found."""
        if self._clock() < self._due_at:
            return
        try:
            found = self._database.run(
                lambda connection: connection.execute(statements.END_FROZEN_WRITERS, [FROZEN_SECONDS]).fetchall()
            )
        except PostgresAwayError as error:
            _log.warning("no frozen worker's transaction can be ended: %s", error)
            self._due_at = self._clock() + REST_SECONDS
            return
        for (pid,) in found:
            _log.warning(
                "Postgres process %d waits for its worker, over %d s in one transaction: ended", pid, FROZEN_SECONDS
            )
