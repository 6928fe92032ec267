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
        doing = {guard.name: guard.take_doing() for guard in self._guards}
        with suppress(RedisError):
            told = keys.by_chore(self._client.hgetall(keys.CHORES))
            present = time.time()
            self._write({chore: _after(told.get(chore, {}), now, present) for chore, now in doing.items()})

    def _write(self, doing: dict[str, dict[str, float]]) -> None:
        fields: dict[Any, Any] = {
            keys.chore_field(chore, what): value for chore, told in doing.items() for what, value in told.items()
        }
        with self._client.pipeline(transaction=True) as pipeline:
            # Nothing stays of a chore that is no more: nobody would ever do it again.
            pipeline.delete(keys.CHORES)
            pipeline.hset(keys.CHORES, mapping=fields)
            pipeline.execute()


def _after(before: dict[str, float], now: dict[str, float], present: float) -> dict[str, float]:
    """All that is known of a chore, also by the sweepers before: else one that begins again and again would never be
    late.

    A time after `present` is of a clock that has been put back since. Kept as it is, it would hide for as long that the
    chore fails.
    """
    begun = [one["begun_at"] for one in (before, now) if "begun_at" in one]
    succeeded = [one["succeeded_at"] for one in (before, now) if "succeeded_at" in one]
    merged = now | {"begun_at": min(*begun, present)}
    if succeeded:
        merged["succeeded_at"] = max((moment for moment in succeeded if moment <= present), default=present)
    return merged
