"""A full Redis: it refuses every write that RQ needs to run a job. Its batches move to Postgres, as pending pushes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial

from redis import Redis
from redis.exceptions import OutOfMemoryError

from ingest.batch import keys
from ingest.batch.entry import Entry, pending_columns
from ingest.batch.index import batches_in_flight
from workers import statements
from workers.attempts import ATTEMPTS_TOGETHER, Attempt
from workers.database import Database
from workers.settlements import parameters
from workers.sweeper.chore import Chore
from workers.sweeper.retention import AnyConnection
from workers.taken_batch import TakenBatch, seize

SWEEPER_SILENCE_SECONDS = 60
"""How long after its last pass a sweeper counts as running"""
NEARLY_FULL = 0.9
"""From this share of its memory on a Redis is relieved: at the limit itself RQ's workers could not even register."""
UNTAKEN_SECONDS = 10.0
"""How old a batch is that workers would have taken long ago if they could"""
BUDGET_SECONDS = 10.0
"""How long batches are moved before other chores, such as the one that settles them, have their turn"""

_log = logging.getLogger("sweeper.full_redis")


class FullRedis(Chore):
    """Moves batches to Postgres, the oldest first, until Redis has room. Those that a worker has are left to it."""

    name = "batches in a full Redis"

    def __init__(self, client: Redis, database: Database, clock: Callable[[], float]) -> None:
        self._client = client
        self._database = database
        self._clock = clock

    def run_once(self) -> int:
        """Make room, for some seconds, if there is none; return how many batches were moved."""
        moved, leave_at = 0, self._clock() + BUDGET_SECONDS
        for batch_id in self._find():
            if self._clock() >= leave_at:
                break
            if self._client.exists(keys.lease(batch_id)):
                continue
            self._move_to_postgres(seize(self._client, batch_id))
            moved += 1
            if not self._is_refusing() and not self._is_nearly_full():
                break
        if moved:
            _log.warning("Redis is full: %d batches were moved to Postgres", moved)
        return moved

    def _find(self) -> list[str]:
        if self._is_refusing():
            return batches_in_flight(self._client)
        if self._is_nearly_full():
            # The index has the time of day at which each batch was opened.
            return batches_in_flight(self._client, opened_by=time.time() - UNTAKEN_SECONDS)
        return []

    def _is_refusing(self) -> bool:
        # The sweeper sets this key in each pass anyway, to say that it runs. Redis refuses that when it is full.
        try:
            self._client.set(keys.SWEEPER, "works", ex=SWEEPER_SILENCE_SECONDS)
        except OutOfMemoryError:
            return True
        return False

    def _is_nearly_full(self) -> bool:
        memory: dict[str, int] = self._client.info("memory")
        return 0 < memory.get("maxmemory", 0) * NEARLY_FULL < memory["used_memory"]

    def _move_to_postgres(self, batch: TakenBatch) -> None:
        if batch.entries:
            # One of them may have ended workers, and may end the sweeper: each is tried alone. None is blamed for it,
            # as each may be another's mate.
            attempts = min(batch.attempts, ATTEMPTS_TOGETHER)
            self._database.run(partial(_store, entries=batch.entries, attempts=attempts))
        batch.discard()


def _store(connection: AnyConnection, entries: list[Entry], attempts: int) -> None:
    # Some may have their outcome: Redis's reply was lost, and web has stored them in Postgres as well.
    marked = [[entry.received_at for entry in entries], [entry.uuid for entry in entries]]
    attempt = parameters(Attempt(through_redis=True, number=0))
    connection.execute(statements.MARK_PUSHES_THROUGH_REDIS, [*attempt, *marked])
    connection.execute(statements.STORE_PENDING_FROM_REDIS, (attempts, *pending_columns(entries)))
