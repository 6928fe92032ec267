"""The sweeper: finds what got lost and puts it back on its way, makes partitions ahead and removes what is
too old. Independent of RQ's health: what it believes is the index of batches and the tables."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from psycopg import Connection
from redis import Redis

from ingest import logs, settings
from ingest.batch import keys
from ingest.batch.clients import brisk_client
from ingest.batch.lease import enqueue_again, leases
from ingest.batch.queue import normalise_queue
from ingest.errors import PostgresAwayError, describe
from workers import statements
from workers.database import Database
from workers.start import look_at_servers
from workers.sweeper.chore import REST_SECONDS, Chore
from workers.sweeper.frozen import FrozenWriters
from workers.sweeper.full_redis import make_room
from workers.sweeper.partitions import Partitions
from workers.sweeper.pending import PendingPushes
from workers.sweeper.retention import FOR_EVER, Days, Retention

INTERVAL_SECONDS = 2.0
GRACE_SECONDS = 10.0
"""How long a batch may be neither queued nor leased before it counts as lost: between the two it is for a moment."""
PARTITIONS_SECONDS = 3600.0
RETENTION_SECONDS = 3600.0

_log = logging.getLogger(__name__)


class Sweeper:
    """One pass a call of `run_once`; only one sweeper at a time works, whoever holds the advisory lock."""

    def __init__(
        self, client: Redis, database: Database, clock: Callable[[], float] = time.monotonic, keep: Days = FOR_EVER
    ) -> None:
        self._client = client
        self._database = database
        self._clock = clock
        self._queue = normalise_queue(client)
        self._missing_since: dict[str, float] = {}
        # First, and without the lock: a frozen writer may have it, or rows that we are about to write.
        self._frozen = self._chore("frozen writers", FrozenWriters(database).end, rest=REST_SECONDS)
        retention = Retention(database, clock, keep)
        # What is in Redis first: while that is full every push comes in as pending, and there is no end of those.
        self._chores = (
            self._chore("a full Redis", lambda: make_room(client, database)),
            self._chore("lost batches", self._enqueue_lost),
            self._chore("failed jobs", self._forget_settled_failures),
            self._chore("pending pushes", PendingPushes(database, clock).feed),
            self._chore("partitions", Partitions(database).make_ahead, every=PARTITIONS_SECONDS, rest=REST_SECONDS),
            self._chore("old pushes", retention.remove_pushes, every=RETENTION_SECONDS, rest=REST_SECONDS),
            self._chore("old transcripts", retention.remove_turns, every=RETENTION_SECONDS, rest=REST_SECONDS),
        )

    def _chore(self, name: str, run: Callable[[], int], every: float = 0.0, rest: float = 0.0) -> Chore:
        return Chore(name, run, self._clock, every, rest)

    def run_once(self) -> int:
        """Sweep once; how much was handled, and 0 where another sweeper has the lock. PostgresAwayError if that cannot
        be told."""
        self._frozen.run_if_due()
        if not self._database.run(_lock):
            return 0
        try:
            return sum(chore.run_if_due() for chore in self._chores)
        finally:
            self._database.run(_unlock)

    def _enqueue_lost(self) -> int:
        lost = self._lost_batches()
        for batch_id in lost:
            self._enqueue_again(batch_id)
        return len(lost)

    def _lost_batches(self) -> list[str]:
        in_flight = keys.decode_ids(self._client.zrange(keys.BATCHES, 0, -1))
        queued = set(self._queue.get_job_ids())
        candidates = [batch_id for batch_id in in_flight if batch_id not in queued]
        missing = [batch_id for batch_id, lease in leases(self._client, candidates) if lease is None]
        now = self._clock()
        self._missing_since = {batch_id: self._missing_since.get(batch_id, now) for batch_id in missing}
        return [batch_id for batch_id, since in self._missing_since.items() if now - since >= GRACE_SECONDS]

    def _enqueue_again(self, batch_id: str) -> None:
        _log.warning("batch %s had no live job: enqueued again", batch_id)
        enqueue_again(self._queue, batch_id)
        del self._missing_since[batch_id]

    def _forget_settled_failures(self) -> int:
        """A failed job whose batch is settled since has nothing left to say."""
        registry = self._queue.failed_job_registry
        for batch_id in registry.get_job_ids(cleanup=False):
            if self._client.zscore(keys.BATCHES, batch_id) is None:
                registry.remove(batch_id, delete_job=True)
        return 0


def _lock(connection: Connection[tuple[Any, ...]]) -> bool:
    row = connection.execute(statements.LOCK_SWEEPER).fetchone()
    return bool(row and row[0])


def _unlock(connection: Connection[tuple[Any, ...]]) -> None:
    connection.execute(statements.UNLOCK_SWEEPER)


def main() -> None:
    """Sweep every two seconds, or at once while there is work, until SIGTERM. Raises SettingError."""
    logs.configure(logging.WARNING)
    current = settings.load()
    database = Database(current.database_url, patience_seconds=5)
    keep = Days(current.retention_days, current.transcript_days)
    client = brisk_client(current.redis_url)
    look_at_servers(client, current.database_url)
    sweeper = Sweeper(client, database, keep=keep)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    while not stop.is_set():
        handled = 0
        try:
            handled = sweeper.run_once()
        except PostgresAwayError as error:
            _log.warning("sweeping waits: %s", str(error))
        except Exception as error:
            _log.error("sweeping failed: %s", describe(error))
        if not handled:
            stop.wait(INTERVAL_SECONDS)
