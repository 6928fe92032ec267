"""Old raw pushes: removed by the day, as the partition of a day is dropped when the whole of it is too old."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import takewhile
from typing import Any

from workers import statements
from workers.database import Database
from workers.sweeper.chore import REST_SECONDS, Chore, try_each
from workers.sweeper.retention import BUDGET_SECONDS, EVERY_SECONDS, AnyConnection, note, remove_in_portions, time_ago

PUSHES = 1000
"""How many pushes outside of any partition, or events, one transaction deletes"""

_log = logging.getLogger("sweeper.retention")


class OldPushes(Chore):
    """Removes raw pushes that are older than so many days, and their events; with None, nothing. Pending ones stay, and
    with them their partition."""

    name = "old pushes"
    every = EVERY_SECONDS
    rest = REST_SECONDS

    def __init__(self, database: Database, clock: Callable[[], float], days: int | None) -> None:
        self._database = database
        self._clock = clock
        self._days = days

    def run_once(self) -> int:
        """Remove for some seconds; return 1 if there may be more, else 0."""
        if not self._days:
            return 0
        before = datetime.combine(time_ago(self._database, self._days).date(), time(), UTC)  # days before it are older
        leave_at = self._clock() + BUDGET_SECONDS
        try:
            self._drop_partitions(before.date(), leave_at)
        finally:  # pushes outside of any partition are deleted without a lock on the table
            remove = partial(_delete_default_pushes, before=before)
            self._remove_in_portions(leave_at, "raw pushes", remove)
            self._remove_in_portions(leave_at, "events of pushes", partial(_delete_events, before=before))
        return int(self._clock() >= leave_at)

    def _remove_in_portions(self, leave_at: float, what: str, remove: Callable[[AnyConnection], int]) -> None:
        remove_in_portions(self._database, lambda: self._clock() >= leave_at, PUSHES, what, remove)

    def _drop_partitions(self, before: date, leave_at: float) -> None:
        """Raise what keeps a day from being dropped, as a customer's view on it, after the other days are dropped."""
        days = self._database.run(lambda connection: _partitions_before(connection, before))
        try_each(takewhile(lambda _: self._clock() < leave_at, days), self._drop_partition)

    def _drop_partition(self, day: date) -> None:
        dropped = self._database.run(lambda connection: _drop_partition(connection, day), patience_seconds=0)
        if dropped is None:
            _log.warning("retention: the pushes of %s are kept, as some of them are pending", day)
        else:
            _log.info("retention: %d raw pushes of %s were dropped", dropped, day)


def _partitions_before(connection: AnyConnection, day: date) -> list[date]:
    return [found for (found,) in connection.execute(statements.FIND_PARTITIONS_BEFORE, {"day": day})]


def _drop_partition(connection: AnyConnection, day: date) -> int | None:
    connection.execute(statements.WAIT_FOR_LOCKS_BRIEFLY)
    dropped = _one(connection.execute(statements.DROP_PARTITION_IF_SETTLED, {"day": day}).fetchone())
    if dropped is not None:
        note(connection, "pushes", datetime.combine(day + timedelta(days=1), time(), UTC), dropped)
    return dropped


def _delete_default_pushes(connection: AnyConnection, before: datetime) -> int:
    bounds = {"before": before, "at_most": PUSHES}
    deleted = _one(connection.execute(statements.DELETE_DEFAULT_PUSHES_IF_SETTLED, bounds).fetchone()) or 0
    note(connection, "pushes", before, deleted)
    return deleted


def _delete_events(connection: AnyConnection, before: datetime) -> int:
    return connection.execute(statements.DELETE_EVENTS_BEFORE, {"before": before, "at_most": PUSHES}).rowcount


def _one(row: tuple[Any, ...] | None) -> int | None:
    assert row, "the statement gives one row"
    count: int | None = row[0]
    return count
