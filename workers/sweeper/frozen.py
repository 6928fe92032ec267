"""Frozen writers: a worker that stands still inside a statement, or amid a pipeline, keeps its rows locked. Postgres
itself ends only who stands still between two statements that are not in a pipeline."""

from __future__ import annotations

import logging
from typing import Any

from psycopg import Connection
from psycopg.errors import InsufficientPrivilege

from ingest.batch.queue import JOB_TIMEOUT_SECONDS
from ingest.errors import NotAllowedError
from workers import statements
from workers.database import Database

FROZEN_SECONDS = 2 * JOB_TIMEOUT_SECONDS
"""No transaction of a worker that moves is so old"""

_log = logging.getLogger(__name__)


class FrozenWriters:
    """Ends the transactions of our own login that are old and wait for their worker: what they held can be written."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def end(self) -> int:
        """Look once, and end what is found; how many. NotAllowedError where the login may end no session, not even its
        own."""
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
        return [pid for (pid,) in connection.execute(statements.END_FROZEN_WRITERS, [FROZEN_SECONDS])]
    except InsufficientPrivilege:
        connection.rollback()
        return None
