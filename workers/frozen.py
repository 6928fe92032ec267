"""Frozen writers: a worker that stands still in the midst of a statement, its rows locked. Postgres itself ends only
those that stand still between two."""

from __future__ import annotations

import logging

from ingest.jobs import JOB_TIMEOUT_SECONDS
from workers import statements
from workers.postgres import Database

FROZEN_SECONDS = 2 * JOB_TIMEOUT_SECONDS
"""No transaction of a worker that moves is so old"""

_log = logging.getLogger(__name__)


def end_frozen_writers(database: Database) -> None:
    """End the transactions of our login that have waited for their worker for long: what they held can be written."""
    ended = database.run(
        lambda connection: connection.execute(statements.END_FROZEN_WRITERS, [FROZEN_SECONDS]).fetchall()
    )
    for pid, _ in ended:
        _log.warning("Postgres process %d had waited for its worker for over %d s: ended", pid, FROZEN_SECONDS)
