"""Frozen writers: workers that stand still in a transaction, and keep the rows locked that they have written.

Postgres ends such a session by itself only between two statements (idle_in_transaction_session_timeout). In the middle
of a COPY or of a pipeline it waits for the worker without end.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from psycopg import Connection
from psycopg.errors import InsufficientPrivilege

from ingest.batch.queue import JOB_TIMEOUT_SECONDS
from ingest.errors import NotAllowedError
from workers import statements
from workers.database import Database
from workers.sweeper.chore import REST_SECONDS, Chore

FROZEN_SECONDS = 2 * JOB_TIMEOUT_SECONDS
"""A job ends after half of that, and its transaction with it"""
LONGEST = timedelta(seconds=1.5 * FROZEN_SECONDS)
"""No transaction of a worker lasts as long: it would have been ended."""

_log = logging.getLogger("sweeper.frozen_writers")


class FrozenWriters(Chore):
    """Ends sessions of our own login whose transaction is old and which wait for their worker to send something."""

    name = "frozen writers"
    rest = REST_SECONDS

    def __init__(self, database: Database) -> None:
        self._database = database

    def run_once(self) -> int:
        """End what is found; return how many sessions. NotAllowedError where the login may not end its own sessions."""
        ended = self._database.run(_end)
        if ended is None:
            raise NotAllowedError("this login may not call pg_terminate_backend")
        for pid in ended:
            _log.warning(
                "Postgres process %d waits for its worker, over %d s in one transaction: ended", pid, FROZEN_SECONDS
            )
        return len(ended)


def _end(connection: Connection[tuple[Any, ...]]) -> list[int] | None:
    """The processes that are ended; None if that is not allowed."""
    try:
        connection.execute(statements.ACT_AS_OUR_LOGIN)
        return [pid for (pid,) in connection.execute(statements.END_FROZEN_WRITERS, [FROZEN_SECONDS])]
    except InsufficientPrivilege:
        connection.rollback()
        return None
