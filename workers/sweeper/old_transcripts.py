"""Old transcripts: the words of a call go when the call is too old; the call and its statistics stay. So do lists of
every table that says by which of its times they age."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ingest.tables import TABLES, sql
from ingest.tables.table import Table
from workers.database import Database
from workers.sweeper.chore import REST_SECONDS, Chore
from workers.sweeper.retention import BUDGET_SECONDS, EVERY_SECONDS, AnyConnection, note, remove_in_portions, time_ago

ROWS = 500
"""Of how many rows, such as calls, one transaction removes the lists"""
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
        self._since: dict[str, str] = {}
        """By table, the time of the newest row that was dealt with: where the search goes on"""
        self._done: set[str] = set()
        """The statements that left nothing in this round. One may take all the time there is, though it finds nothing:
        it is not repeated before the others had their turn."""

    def run_once(self) -> int:
        """Remove for some seconds; return 1 if there may be more, else 0."""
        if not self._days:
            return 0
        before, leave_at = time_ago(self._database, self._days), self._clock() + BUDGET_SECONDS
        for table in (table for table in TABLES if table.aged_by):
            for statement in (sql.clear_old_lists(table), sql.clear_old_undated_lists(table)):
                if statement not in self._done:
                    if self._repeat(leave_at, table, statement, before):
                        return 1
                    self._done.add(statement)
        self._since.clear()
        self._done.clear()
        return 0

    def _repeat(self, leave_at: float, table: Table, statement: str, before: datetime) -> bool:
        """Remove by one statement; return whether there may be more."""
        return remove_in_portions(
            self._database,
            lambda: self._clock() >= leave_at,
            ROWS,
            "transcripts",
            lambda connection: self._clear(connection, table, statement, before),
        )

    def _clear(self, connection: AnyConnection, table: Table, statement: str, before: datetime) -> int:
        bounds = {"since": self._since.get(table.name, _BEGINNING), "before": before, "rows": ROWS}
        (row,) = connection.execute(statement.encode(), bounds).fetchall()
        rows, items, last = row
        if last:
            self._since[table.name] = last
        note(connection, "turns", before, items)
        return int(rows)
