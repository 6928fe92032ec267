"""Old transcripts: the turns of a call go when the call is too old; the call and its statistics stay."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from workers import statements
from workers.database import Database
from workers.sweeper.chore import REST_SECONDS, Chore
from workers.sweeper.retention import BUDGET_SECONDS, EVERY_SECONDS, AnyConnection, note, remove_in_portions

CALLS = 500
"""How many calls' transcripts one transaction removes"""
_BEGINNING = "-infinity"


class OldTranscripts(Chore):
    """Removes transcripts of calls that are older than so many days; with None, nothing."""

    name = "old transcripts"
    every = EVERY_SECONDS
    rest = REST_SECONDS

    def __init__(self, database: Database, clock: Callable[[], float], days: int | None) -> None:
        self._database = database
        self._clock = clock
        self._days = days
        self._since = _BEGINNING
        """When the newest call began whose transcript is removed: where the search goes on"""

    def run_once(self) -> int:
        """Remove for some seconds; return 1 if there may be more, else 0."""
        if not self._days:
            return 0
        before, leave_at = datetime.now(UTC) - timedelta(days=self._days), self._clock() + BUDGET_SECONDS
        for clear in (self._clear_calls, _clear_undated_calls):
            self._repeat(leave_at, clear, before)
        if self._clock() < leave_at:
            self._since = _BEGINNING
        return int(self._clock() >= leave_at)

    def _repeat(self, leave_at: float, clear: Callable[[AnyConnection, datetime], int], before: datetime) -> None:
        remove_in_portions(
            self._database,
            lambda: self._clock() >= leave_at,
            CALLS,
            "transcripts",
            lambda connection: clear(connection, before),
        )

    def _clear_calls(self, connection: AnyConnection, before: datetime) -> int:
        bounds = {"since": self._since, "before": before, "calls": CALLS}
        (row,) = connection.execute(statements.CLEAR_OLD_TRANSCRIPTS, bounds).fetchall()
        calls, turns, last = row
        self._since = last or self._since
        note(connection, "turns", before, turns)
        return int(calls)


def _clear_undated_calls(connection: AnyConnection, before: datetime) -> int:
    bounds = {"before": before, "calls": CALLS}
    ((calls, turns),) = connection.execute(statements.CLEAR_OLD_UNDATED_TRANSCRIPTS, bounds).fetchall()
    note(connection, "turns", before, turns)
    return int(calls)
