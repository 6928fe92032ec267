"""Silences: for how long each source pauses, hour by hour. From weeks of that an alarm knows which one is unusual."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from redis import Redis

from ingest.batch import keys
from workers import statements
from workers.database import Database
from workers.sweeper.chore import REST_SECONDS, Chore
from workers.sweeper.retention import time_ago

DAYS = 57
"""Eight weeks, and the hour of the week that is now"""
WRITE_SECONDS = 60.0
"""How often the longest ones are written"""


class Silences(Chore):
    """Looks every few seconds when a push of each source last came, and keeps the longest silence of each hour."""

    name = "silences"
    every = 5.0
    rest = REST_SECONDS

    def __init__(self, client: Redis, database: Database, clock: Callable[[], float]) -> None:
        self._client = client
        self._database = database
        self._clock = clock
        self._longest: dict[tuple[str, datetime], float] = {}
        self._write_at = 0.0

    def run_once(self) -> int:
        """Look; return 0."""
        pushes: dict[Any, Any] = self._client.hgetall(keys.LAST_PUSH)
        told: Any = self._client.time()  # Redis's clock, which they are noted by
        now = told[0] + told[1] / 1e6
        hour = datetime.fromtimestamp(now, UTC).replace(minute=0, second=0, microsecond=0)
        for name, last in pushes.items():
            at = (name.decode(), hour)
            self._longest[at] = max(self._longest.get(at, 0.0), now - float(last))
        if self._longest and self._clock() >= self._write_at:
            self._write()
            self._write_at = self._clock() + WRITE_SECONDS
            before = {"before": time_ago(self._database, DAYS)}
            self._database.run(lambda connection: connection.execute(statements.DELETE_OLD_SILENCES, before))
        return 0

    def _write(self) -> None:
        sources, hours = zip(*self._longest, strict=True)
        columns = [list(sources), list(hours), list(self._longest.values())]
        self._database.run(lambda connection: connection.execute(statements.NOTE_SILENCES, columns))
        self._longest.clear()
