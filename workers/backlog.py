"""The backlog: one line when batches begin to wait for long, and one when the last of them is settled."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from redis import Redis

from ingest.batch import keys

LATE_SECONDS = 10.0
"""From this age of the oldest batch on there is a backlog. A batch is taken within milliseconds where all is well."""

_log = logging.getLogger("worker.backlog")


class Backlog:
    """Looks at the oldest batch, about once a second. `clock` gives seconds since the epoch, as the index has them."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._since: float | None = None

    def look(self, client: Redis) -> None:
        """Say it when a backlog has come or gone. Raises what the client raises."""
        oldest: list[Any] = client.zrange(keys.BATCHES, 0, 0, withscores=True)
        now = self._clock()
        if self._since is None and oldest and now - oldest[0][1] > LATE_SECONDS:
            self._since = oldest[0][1]
            _log.warning("a backlog: %d batches, the oldest for %.0f s", client.zcard(keys.BATCHES), now - self._since)
        elif self._since is not None and (not oldest or now - oldest[0][1] <= LATE_SECONDS):
            seconds = round(now - self._since, 1)
            _log.info("the backlog is gone, after %.0f s", seconds, extra={"seconds": seconds})
            self._since = None
