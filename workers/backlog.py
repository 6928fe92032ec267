"""The backlog: one line when batches begin to wait for long, and one when the last of them is settled."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from redis import Redis

from ingest.batch import keys
from ingest.batch.index import oldest_opened_at

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
        oldest, now = oldest_opened_at(client), self._clock()
        is_late = oldest is not None and now - oldest > LATE_SECONDS
        if self._since is None and oldest is not None and is_late:
            self._since = oldest
            _log.warning("a backlog: %d batches, the oldest for %.0f s", client.zcard(keys.BATCHES), now - oldest)
        elif self._since is not None and not is_late:
            seconds = round(now - self._since, 1)
            _log.info("the backlog is gone, after %.0f s", seconds, extra={"seconds": seconds})
            self._since = None
