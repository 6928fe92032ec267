"""Old history: minutes become hours after some days, and hours go after some weeks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from workers.database import Database
from workers.sweeper.chore import REST_SECONDS, Chore
from workers.sweeper.history import statements
from workers.sweeper.history.minutes import is_locked
from workers.sweeper.history.tally import Tally, columns, read_tally
from workers.sweeper.retention import BUDGET_SECONDS, EVERY_SECONDS, AnyConnection, time_ago

MINUTES_DAYS = 2
"""For so long it is told by the minute."""
DAYS = 32
"""A chart of thirty days has whole ones at both ends."""


class Hours(Chore):
    """Makes one row of the minutes of an hour, and removes what is older than DAYS."""

    name = "old history"
    every = EVERY_SECONDS
    rest = REST_SECONDS

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def run_once(self) -> int:
        """Work for some seconds; return 1 if there may be more, else 0."""
        leave_at = self._clock() + BUDGET_SECONDS
        merge = partial(_merge_hour, before=time_ago(self._database, MINUTES_DAYS))
        is_more = True
        while is_more and self._clock() < leave_at:
            is_more = self._database.run(merge)
        old = {"before": time_ago(self._database, DAYS)}
        self._database.run(lambda connection: connection.execute(statements.DELETE_OLD_HISTORY, old))
        return int(is_more)


def _merge_hour(connection: AnyConnection, before: datetime) -> bool:
    """Make an hour of the oldest minutes, of those before a time; return whether there were any."""
    if not is_locked(connection):
        return False
    row = connection.execute(statements.FIND_OLDEST_MINUTE, {"before": before}).fetchone()
    if row is None:
        return False
    (begun_at,) = row
    hour: dict[str, Any] = {"since": begun_at, "until": begun_at + timedelta(hours=1)}
    tally = Tally()
    for minute in connection.execute(statements.FIND_TALLIES, hour).fetchall():
        tally.add(read_tally(*minute))
    connection.execute(statements.DELETE_HISTORY, hour)
    connection.execute(statements.WRITE_HOUR, hour | columns(tally))
    return True
