"""The sweeper: finds what got lost and puts it back on its way, and makes partitions ahead. Independent of RQ's health:
what it believes is the index of batches and the tables."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection
from redis import Redis
from redis.exceptions import OutOfMemoryError, RedisError
from rq.timeouts import BaseTimeoutException, JobTimeoutException, UnixSignalDeathPenalty

from ingest import keys, logs, settings
from ingest.entry import Entry
from ingest.errors import PostgresAwayError, SettingError, describe
from ingest.fallback import pending_columns
from ingest.jobs import JOB_TIMEOUT_SECONDS, normalise_queue
from ingest.redis_client import brisk_client
from workers import statements
from workers.lost_batch import enqueue_again
from workers.postgres import Database
from workers.settle import bury, settle, settle_alone
from workers.taken_batch import TakenBatch, seize
from workers.watchdog import watched

INTERVAL_SECONDS = 2.0
SWEEPER_SILENCE_SECONDS = 60
"""How long after its last sweep a sweeper counts as working."""
GRACE_SECONDS = 10.0
"""How long a batch may be neither queued nor leased before it counts as lost: between the two it is for a moment."""
PENDING_LIMIT = 100
"""Pending pushes fed at once."""
FEED_SECONDS = 10.0
"""How long to feed in one pass: lost batches wait meanwhile."""
ROOMY = 0.9
"""How much of its memory a Redis may use that has room: at the very limit RQ's workers could not even begin."""
ATTEMPTS_TOGETHER = 2
ATTEMPTS_ALONE = 1
"""A pending push is tried so often among others, then so often alone, and then it is dead."""
PARTITION_DAYS_AHEAD = 7
PARTITIONS_SECONDS = 3600.0
PARTITIONS_REST_SECONDS = 60.0
"""How long to leave the tables alone when they could not be locked: whoever waits for a lock holds up others."""

_log = logging.getLogger(__name__)


class Sweeper:
    """One pass a call of `run_once`; only one sweeper at a time works, whoever holds the advisory lock."""

    def __init__(self, client: Redis, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._database = database
        self._clock = clock
        self._queue = normalise_queue(client)
        self._missing_since: dict[str, float] = {}
        self._in_hand: list[_Pending] = []
        self._partitions_due_at = 0.0

    def run_once(self) -> int:
        """Sweep once; how many batches were enqueued again and pending pushes settled."""
        if not self._database.run(_lock):
            return 0
        try:
            # What is in Redis first: while that is full every push comes in as pending, and there is no end of those.
            handled = self._enqueue_lost() + self._feed_pending()
            self._make_partitions()
            return handled
        finally:
            self._database.run(_unlock)

    def _enqueue_lost(self) -> int:
        handled = 0
        try:
            handled += self._make_room()
            for batch_id in self._lost_batches():
                self._enqueue_again(batch_id)
                handled += 1
            self._forget_settled_failures()
        except (RedisError, OSError) as error:
            _log.warning("lost batches wait for Redis: %s", describe(error))
        return handled

    def _make_room(self) -> int:
        """Move batches to Postgres, the oldest first: a full Redis refuses RQ all that a worker needs."""
        moved = 0
        for batch_id in self._batches_in_the_way():
            if self._client.exists(keys.lease(batch_id)):
                continue
            self._move_to_postgres(seize(self._client, batch_id))
            moved += 1
            if not self._is_refusing() and not self._is_nearly_full():
                break
        if moved:
            _log.warning("Redis is full: %d batches were moved to Postgres", moved)
        return moved

    def _batches_in_the_way(self) -> list[str]:
        if self._is_refusing():
            return keys.decode_ids(self._client.zrange(keys.BATCHES, 0, -1))
        if self._is_nearly_full():
            # Those that workers would have taken if they could.
            until = time.time() - GRACE_SECONDS
            return keys.decode_ids(self._client.zrangebyscore(keys.BATCHES, "-inf", until))
        return []

    def _is_refusing(self) -> bool:
        try:
            self._client.set(keys.SWEEPER, "works", ex=SWEEPER_SILENCE_SECONDS)
        except OutOfMemoryError:
            return True
        return False

    def _is_nearly_full(self) -> bool:
        memory: dict[str, int] = self._client.info("memory")
        return 0 < memory.get("maxmemory", 0) * ROOMY < memory["used_memory"]

    def _move_to_postgres(self, batch: TakenBatch) -> None:
        if batch.entries:
            # What has ended workers may end the sweeper: it is not given all its tries again.
            rows = min(batch.attempts, ATTEMPTS_TOGETHER), *pending_columns(batch.entries)
            self._database.run(lambda connection: connection.execute(statements.STORE_PENDING_FROM_REDIS, rows))
        batch.discard()

    def _lost_batches(self) -> list[str]:
        in_flight = keys.decode_ids(self._client.zrange(keys.BATCHES, 0, -1))
        queued = set(self._queue.get_job_ids())
        candidates = [batch_id for batch_id in in_flight if batch_id not in queued]
        leased = self._client.mget([keys.lease(batch_id) for batch_id in candidates]) if candidates else []
        missing = [batch_id for batch_id, lease in zip(candidates, leased, strict=True) if lease is None]
        now = self._clock()
        self._missing_since = {batch_id: self._missing_since.get(batch_id, now) for batch_id in missing}
        return [batch_id for batch_id, since in self._missing_since.items() if now - since >= GRACE_SECONDS]

    def _enqueue_again(self, batch_id: str) -> None:
        _log.warning("batch %s had no live job: enqueued again", batch_id)
        enqueue_again(self._queue, batch_id)
        del self._missing_since[batch_id]

    def _forget_settled_failures(self) -> None:
        """A failed job whose batch is settled since has nothing left to say."""
        registry = self._queue.failed_job_registry
        for batch_id in registry.get_job_ids(cleanup=False):
            if self._client.zscore(keys.BATCHES, batch_id) is None:
                registry.remove(batch_id, delete_job=True)

    def _feed_pending(self) -> int:
        self._release_unsettled()
        settled = self._feed(0, ATTEMPTS_TOGETHER - 1, PENDING_LIMIT, self._settle_together)
        # One that ended the sweeper twice in company is tried alone.
        return settled + self._feed(ATTEMPTS_TOGETHER, 2**31 - 1, 1, self._settle_last)

    def _feed(self, at_least: int, at_most: int, limit: int, settle_rows: Callable[[list[_Pending]], None]) -> int:
        fed = 0
        bounds = {"at_least": at_least, "at_most": at_most, "limit": limit}
        leave_at = self._clock() + FEED_SECONDS
        while self._clock() < leave_at:
            self._in_hand = self._database.run(lambda connection: _begin_pending(connection, bounds))
            fed += len(self._in_hand)
            if not self._in_hand or not self._settle_in_time(settle_rows):
                break
        self._in_hand = []
        return fed

    def _settle_in_time(self, settle_rows: Callable[[list[_Pending]], None]) -> bool:
        try:
            with watched(), UnixSignalDeathPenalty(JOB_TIMEOUT_SECONDS, JobTimeoutException):  # type: ignore[no-untyped-call]
                settle_rows(self._in_hand)
        except BaseTimeoutException:
            _log.warning("%d pending pushes were not settled in %d s", len(self._in_hand), JOB_TIMEOUT_SECONDS)
            return False
        return True

    def _release_unsettled(self) -> None:
        """Take back the attempts that Postgres, and not a push, brought to nothing."""
        if self._in_hand:
            entries = [entry for entry, _ in self._in_hand]
            where = {"times": [one.received_at for one in entries], "push_ids": [one.uuid for one in entries]}
            self._database.run(lambda connection: connection.execute(statements.RELEASE_PENDING, where))
            self._in_hand = []

    def _settle_together(self, rows: list[_Pending]) -> None:
        settle(self._database, [entry for entry, _ in rows], through_redis=False)

    def _settle_last(self, rows: list[_Pending]) -> None:
        for entry, attempts in rows:
            if attempts > ATTEMPTS_TOGETHER + ATTEMPTS_ALONE:
                bury(self._database, entry, "its normalising ended the sweeper, alone as well", through_redis=False)
            else:
                settle_alone(self._database, entry, through_redis=False)

    def _make_partitions(self) -> None:
        if self._clock() < self._partitions_due_at:
            return
        try:
            self._database.run(_ensure_partitions)
            self._partitions_due_at = self._clock() + PARTITIONS_SECONDS
        except PostgresAwayError as error:
            # A long report or a dump holds the table; there is a week's time.
            _log.warning("partitions of the coming days are not made yet: %s", error)
            self._partitions_due_at = self._clock() + PARTITIONS_REST_SECONDS


_Pending = tuple[Entry, int]


def _lock(connection: Connection[tuple[Any, ...]]) -> bool:
    row = connection.execute(statements.LOCK_SWEEPER).fetchone()
    return bool(row and row[0])


def _unlock(connection: Connection[tuple[Any, ...]]) -> None:
    connection.execute(statements.UNLOCK_SWEEPER)


def _ensure_partitions(connection: Connection[tuple[Any, ...]]) -> None:
    # Attaching a partition waits for running transactions, and everything behind it waits too.
    connection.execute("SET LOCAL lock_timeout = '2s'")
    connection.execute(statements.ENSURE_PARTITIONS_AHEAD, {"days": PARTITION_DAYS_AHEAD})


def _begin_pending(connection: Connection[tuple[Any, ...]], bounds: dict[str, int]) -> list[_Pending]:
    rows = connection.execute(statements.BEGIN_OLDEST_PENDING, bounds).fetchall()
    return [(_entry(*row), attempts) for *row, attempts in rows]


def _entry(push_id: UUID, received_at: Any, source: str, kind: str, body: bytes) -> Entry:
    return Entry(push_id.bytes, round(received_at.timestamp() * 1e6), source, kind, body)


def main() -> None:
    """Sweep every two seconds, or at once while there is work, until SIGTERM."""
    logs.configure(logging.WARNING)
    try:
        current = settings.load()
        sweeper = Sweeper(brisk_client(current.redis_url), Database(current.database_url, patience_seconds=5))
    except SettingError as error:
        sys.exit(f"ingest: {error}")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    while not stop.is_set():
        handled = 0
        try:
            handled = sweeper.run_once()
        except PostgresAwayError as error:
            _log.warning("sweeping waits: %s", error)
        except psycopg.Error as error:
            _log.error("sweeping failed: %s", describe(error))
        if not handled:
            stop.wait(INTERVAL_SECONDS)


if __name__ == "__main__":
    main()
