"""Retention: what has been kept for as long as it may be is removed, raw pushes by the day and transcripts by the call.

In small transactions, and once an hour: nobody waits for it for long.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

from psycopg import Connection

from workers import statements
from workers.database import Database

BUDGET_SECONDS = 5.0
"""How long to remove before others have their turn."""
PUSHES = 1000
"""Pushes outside of any partition that one transaction deletes."""
CALLS = 500
"""Calls whose turns one transaction deletes."""
_BEGINNING = "-infinity"

_log = logging.getLogger(__name__)

_Connection = Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Days:
    """For how many days each is kept; None: for ever."""

    pushes: int | None = None
    turns: int | None = None


FOR_EVER = Days()


class Retention:
    """Enforces `Days`, a while at a time; where there is more to remove, the next call goes on."""

    def __init__(self, database: Database, clock: Callable[[], float], days: Days) -> None:
        self._database = database
        self._clock = clock
        self._days = days
        self._turns_since = _BEGINNING
        """Of calls that began before then the turns are gone already"""

    def remove_pushes(self) -> int:
        """Remove raw pushes that are too old, for a while; 1 if there may be more."""
        if not self._days.pushes:
            return 0
        before, leave_at = midnight_before(self._days.pushes), self._clock() + BUDGET_SECONDS
        try:
            self._drop_partitions(before.date(), leave_at)
        finally:  # those outside of any partition wait for nobody's lock
            portion = partial(_delete_default_pushes, before=before)
            self._repeat(leave_at, PUSHES, "raw pushes", portion)
        return int(self._clock() >= leave_at)

    def remove_turns(self) -> int:
        """Remove turns that are too old, for a while; 1 if there may be more."""
        if not self._days.turns:
            return 0
        leave_at = self._clock() + BUDGET_SECONDS
        self._remove_turns(datetime.now(UTC) - timedelta(days=self._days.turns), leave_at)
        return int(self._clock() >= leave_at)

    def _drop_partitions(self, before: date, leave_at: float) -> None:
        for day in self._database.run(lambda connection: _partitions_before(connection, before)):
            if self._clock() >= leave_at:
                return
            self._drop_partition(day)

    def _drop_partition(self, day: date) -> None:
        dropped = self._database.run(lambda connection: _drop_partition(connection, day), patience_seconds=0)
        if dropped is None:
            _log.warning("retention: the pushes of %s are kept, as some of them are pending", day)
        else:
            _log.warning("retention: %d raw pushes of %s were dropped", dropped, day)

    def _remove_turns(self, before: datetime, leave_at: float) -> None:
        self._repeat(leave_at, CALLS, "transcripts", lambda connection: self._clear_calls(connection, before))
        self._repeat(leave_at, CALLS, "transcripts", lambda connection: _clear_undated_calls(connection, before))
        if self._clock() < leave_at:
            self._turns_since = _BEGINNING

    def _clear_calls(self, connection: _Connection, before: datetime) -> int:
        bounds = {"since": self._turns_since, "before": before, "calls": CALLS}
        (row,) = connection.execute(statements.CLEAR_OLD_TRANSCRIPTS, bounds).fetchall()
        calls, turns, last = row
        self._turns_since = last or self._turns_since
        _note(connection, "turns", before, turns)
        return int(calls)

    def _repeat(self, leave_at: float, portion: int, what: str, remove: Callable[[_Connection], int]) -> None:
        """Remove portions, each in a transaction of its own, until one is not full."""
        total, removed = 0, portion
        while removed == portion and self._clock() < leave_at:
            removed = self._database.run(remove)
            total += removed
        if total:
            _log.warning("retention: %d %s were removed", total, what)


def midnight_before(days: int) -> datetime:
    """The beginning of the UTC day so many days before today: every day before it is older."""
    return datetime.combine(datetime.now(UTC).date() - timedelta(days=days), time(), UTC)


def _partitions_before(connection: _Connection, day: date) -> list[date]:
    return [found for (found,) in connection.execute(statements.FIND_PARTITIONS_BEFORE, {"day": day})]


def _drop_partition(connection: _Connection, day: date) -> int | None:
    connection.execute(statements.WAIT_FOR_LOCKS_BRIEFLY)
    dropped = _one(connection.execute(statements.DROP_PARTITION_IF_SETTLED, {"day": day}).fetchone())
    if dropped is not None:
        _note(connection, "pushes", datetime.combine(day + timedelta(days=1), time(), UTC), dropped)
    return dropped


def _delete_default_pushes(connection: _Connection, before: datetime) -> int:
    bounds = {"before": before, "at_most": PUSHES}
    deleted = _one(connection.execute(statements.DELETE_DEFAULT_PUSHES_IF_SETTLED, bounds).fetchone()) or 0
    _note(connection, "pushes", before, deleted)
    return deleted


def _clear_undated_calls(connection: _Connection, before: datetime) -> int:
    bounds = {"before": before, "calls": CALLS}
    ((calls, turns),) = connection.execute(statements.CLEAR_OLD_UNDATED_TRANSCRIPTS, bounds).fetchall()
    _note(connection, "turns", before, turns)
    return int(calls)


def _note(connection: _Connection, what: str, cleared_before: datetime, removed: int) -> None:
    """In the transaction that removes: `ingest reconcile` must not take for lost what was removed on purpose."""
    if removed:
        note = {"what": what, "cleared_before": cleared_before, "removed": removed}
        connection.execute(statements.NOTE_RETENTION, note)


def _one(row: tuple[Any, ...] | None) -> int | None:
    assert row, "the statement gives one row"
    count: int | None = row[0]
    return count
