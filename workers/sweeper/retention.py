"""Retention: for how long data is kept, and how chores remove what is older, in small transactions."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import Connection

from ingest.errors import ClocksDifferError
from workers import statements
from workers.database import Database

EVERY_SECONDS = 3600.0
BUDGET_SECONDS = 5.0
"""How long one chore removes before others have their turn"""
CLOCKS_DIFFER = timedelta(hours=1)
"""From this difference on one of the two clocks is wrong, and what is removed by it cannot be brought back."""

AnyConnection = Connection[tuple[Any, ...]]

_log = logging.getLogger("sweeper.retention")


@dataclass(frozen=True)
class Days:
    """For how many days raw pushes and the turns of transcripts are kept; None: for ever."""

    pushes: int | None = None
    turns: int | None = None


FOR_EVER = Days()


def time_ago(database: Database, days: int) -> datetime:
    """The time so many days ago by the clock that is behind, this host's or Postgres's: what is older is so by both.
    Raises ClocksDifferError if they are far apart."""
    ((in_postgres,),) = database.run(lambda connection: connection.execute(statements.TELL_TIME).fetchall())
    here = datetime.now(UTC)
    if abs(here - in_postgres) > CLOCKS_DIFFER:
        raise ClocksDifferError("this host's clock and Postgres's are over an hour apart, so nothing is removed")
    earlier: datetime = min(here, in_postgres)
    return earlier - timedelta(days=days)


def remove_in_portions(
    database: Database, is_over: Callable[[], bool], portion: int, what: str, remove: Callable[[AnyConnection], int]
) -> bool:
    """Call `remove`, each time in a transaction of its own, until it removes less than a portion or time is over.
    Return whether there may be more."""
    total, removed = 0, portion
    while removed == portion and not is_over():
        removed = database.run(remove)
        total += removed
    if total:
        _log.info("retention: %d %s were removed", total, what)
    return removed == portion


def note(connection: AnyConnection, what: str, cleared_before: datetime, removed: int) -> None:
    """Count what was removed, in the same transaction: `ingest reconcile` would take it for lost otherwise."""
    if removed:
        noted = {"what": what, "cleared_before": cleared_before, "removed": removed}
        connection.execute(statements.NOTE_RETENTION, noted)
