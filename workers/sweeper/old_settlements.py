"""Old settlements: the log of what was settled goes after some days, as nobody asks what was settled longer ago."""

from __future__ import annotations

from collections.abc import Callable

from workers import statements
from workers.database import Database
from workers.sweeper.chore import REST_SECONDS, Chore
from workers.sweeper.retention import BUDGET_SECONDS, EVERY_SECONDS, AnyConnection, remove_in_portions, time_ago

DAYS = 8
"""As long as Redis keeps its counts of what was acknowledged"""
ROWS = 5000
"""How many one transaction deletes"""


class OldSettlements(Chore):
    """Removes rows of the log that are older than DAYS."""

    name = "old settlements"
    every = EVERY_SECONDS
    rest = REST_SECONDS

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def run_once(self) -> int:
        """Remove for some seconds; return 1 if there may be more, else 0."""
        bounds = {"before": time_ago(self._database, DAYS), "rows": ROWS}
        leave_at = self._clock() + BUDGET_SECONDS

        def remove(connection: AnyConnection) -> int:
            return connection.execute(statements.DELETE_OLD_SETTLEMENTS, bounds).rowcount

        return int(remove_in_portions(self._database, lambda: self._clock() >= leave_at, ROWS, "settlements", remove))
