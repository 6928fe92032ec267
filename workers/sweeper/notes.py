"""Notes on the chores: when each last succeeded and how long it takes, in Redis for whoever watches the sweeper."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from ingest.batch import keys
from workers.sweeper.chore import Guard

EVERY_SECONDS = 10.0


class Notes:
    """Writes them every ten seconds. While Redis is away they wait, and the chores do not."""

    def __init__(self, client: Redis, guards: Sequence[Guard]) -> None:
        self._client = client
        self._guards = guards
        self._due_at = 0.0

    def write_if_due(self) -> None:
        """Write, if the last time is long enough ago."""
        if time.monotonic() < self._due_at:
            return
        self._due_at = time.monotonic() + EVERY_SECONDS
        doing: dict[Any, Any] = {field: value for guard in self._guards for field, value in guard.take_doing().items()}
        with suppress(RedisError):
            self._client.hset(keys.CHORES, mapping=doing)
