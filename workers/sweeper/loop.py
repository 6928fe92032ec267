"""The sweeper process: a list of chores, done one after another in each pass.

It brings lost work back on its way, makes partitions and removes what is too old. It trusts the index of batches and
the tables, and not what RQ says of its jobs.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from psycopg import Connection
from redis import Redis

from ingest import logs, session, settings
from ingest.batch.clients import brisk_client
from ingest.errors import WorkWaitsError, describe
from ingest.opening.openers import openers
from workers import statements
from workers.database import Database
from workers.start import look_at_servers
from workers.sweeper.chore import Chore, Guard
from workers.sweeper.drift.chore import FieldSamples
from workers.sweeper.failed_jobs import FailedJobs
from workers.sweeper.frozen import FrozenWriters
from workers.sweeper.full_redis import FullRedis
from workers.sweeper.history.hours import Hours
from workers.sweeper.history.minutes import Minutes
from workers.sweeper.lost_batches import LostBatches
from workers.sweeper.missing import MissingPushes
from workers.sweeper.notes import Notes
from workers.sweeper.old_pushes import OldPushes
from workers.sweeper.old_settlements import OldSettlements
from workers.sweeper.old_transcripts import OldTranscripts
from workers.sweeper.partitions import Partitions
from workers.sweeper.pending import PendingPushes
from workers.sweeper.replays import Replays
from workers.sweeper.retention import FOR_EVER, Days
from workers.sweeper.silences import Silences
from workers.sweeper.stop import Stop

INTERVAL_SECONDS = 2.0
"""From a pass that found nothing to do until the next one"""

_log = logging.getLogger("sweeper")


def chores(client: Redis, database: Database, clock: Callable[[], float], keep: Days) -> list[Chore]:
    """Every chore, in the order of a pass, but for the frozen writers.

    Batches come before pending pushes: while Redis is full each new push is pending, and there is no end of those.
    Replays come behind both.
    """
    return [
        FullRedis(client, database, clock),
        LostBatches(client, clock),
        FailedJobs(client),
        PendingPushes(client, database, clock),
        Replays(client, database, clock),
        Partitions(database, clock),
        OldPushes(database, clock, keep.pushes),
        OldTranscripts(database, clock, keep.turns),
        Minutes(client, database),
        Hours(database, clock),
        OldSettlements(database, clock),
        MissingPushes(client, database, clock),
        Silences(client, database, clock),
        FieldSamples(client, database),
    ]


class Sweeper:
    """Does the chores, one pass a call. Of several sweepers the one works that holds an advisory lock of Postgres."""

    def __init__(
        self, client: Redis, database: Database, clock: Callable[[], float] = time.monotonic, keep: Days = FOR_EVER
    ) -> None:
        self._database = database
        # Done first and without the lock: a frozen writer may hold it, or rows that the other chores write.
        self._frozen = Guard(FrozenWriters(database), clock)
        self._guards = [Guard(chore, clock) for chore in chores(client, database, clock, keep)]
        self._notes = Notes(client, [self._frozen, *self._guards])

    def run_once(self) -> int:
        """Do every chore that is due; return how much they handled, 0 where another sweeper holds the lock.

        Raises WorkWaitsError if Postgres cannot be asked for the lock.
        """
        self._frozen.run_if_due()
        if not self._database.run(_lock):
            return 0
        try:
            handled = sum(guard.run_if_due() for guard in self._guards)
            self._notes.write_if_due()
            return handled
        finally:
            self._database.run(_unlock)


def _lock(connection: Connection[tuple[Any, ...]]) -> bool:
    row = connection.execute(statements.LOCK_SWEEPER).fetchone()
    return bool(row and row[0])


def _unlock(connection: Connection[tuple[Any, ...]]) -> None:
    connection.execute(statements.UNLOCK_SWEEPER)


def main() -> None:
    """Sweep every two seconds, or at once while there is work, until SIGTERM. Raises SettingError."""
    logs.configure("sweeper")
    current = settings.load()
    openers()  # raises now what each pending push would raise
    database = Database(current.database_url, patience_seconds=5, settings=session.SWEEPER)
    keep = Days(current.retention_days, current.transcript_days)
    client = brisk_client(current.redis_url)
    look_at_servers(client, current.database_url)
    sweeper = Sweeper(client, database, keep=keep)
    stop = Stop()
    while not stop.is_wanted:
        handled = 0
        try:
            handled = sweeper.run_once()
        except WorkWaitsError as error:
            _log.warning("sweeping waits: %s", str(error))
        except Exception as error:
            _log.error("sweeping failed: %s", describe(error))
        if not handled:
            stop.wait(INTERVAL_SECONDS)
