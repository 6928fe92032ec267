"""Whether a pause lasts, for chores that settle pushes: as Redis says, or else as is known of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import LiteralString

from redis import Redis
from redis.exceptions import RedisError

from ingest.batch.pause import Pause, find_pause
from workers.database import Database
from workers.sweeper.retention import AnyConnection

FIND_LAST_ACTION: LiteralString = """
SELECT command, at, (filter ->> 'seconds')::float, now() FROM airudder.actions
WHERE command IN ('pause', 'resume') ORDER BY action_id DESC LIMIT 1
"""
BELIEVED = timedelta(days=1)
"""How long a pause without an end is believed that is known from Postgres alone: its end may not have been recorded."""


class PauseInMind:
    """Tells whether a pause lasts, also while Redis cannot be asked. Then the pause counts that was last seen; who has
    begun since then, and has seen none, asks Postgres what operators have done."""

    def __init__(self, client: Redis, database: Database, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since the epoch."""
        self._client = client
        self._database = database
        self._clock = clock
        self._seen: Pause | None = None
        self._is_known = False
        self._has_answered = False

    def lasts(self) -> bool:
        """Whether workers are paused. Raises PostgresAwayError if neither server says so."""
        try:
            self._seen, self._is_known, self._has_answered = find_pause(self._client), True, True
        except (RedisError, OSError):
            self._has_answered = False
            if not self._is_known:
                self._seen, self._is_known = self._database.run(_find_recorded), True
            return self._seen is not None and not self._is_over(self._seen)
        # Redis ends it itself, as it ends for workers; this host's clock may be ahead.
        return self._seen is not None

    def has_begun(self) -> bool:
        """Whether one lasts by now, where `lasts` was False a moment ago. Redis is not asked where it did not answer
        then, as each question may end in a time-out."""
        return self._has_answered and self.lasts()

    def _is_over(self, pause: Pause) -> bool:
        return pause.until is not None and pause.until.timestamp() <= self._clock()


def _find_recorded(connection: AnyConnection) -> Pause | None:
    """The pause that was begun last and that nobody has ended."""
    for command, at, seconds, now in connection.execute(FIND_LAST_ACTION):
        if command == "pause":
            return Pause(since=at, until=_end(at, seconds, now))
    return None


def _end(since: datetime, seconds: float | None, now: datetime) -> datetime | None:
    if seconds is not None:
        return since + timedelta(seconds=seconds)
    return None if now - since < BELIEVED else now
