"""The one RQ job: normalise a batch. Whatever way it ends, the batch is either in Postgres or still in Redis."""

from __future__ import annotations

import functools
import time

from redis import Redis
from rq import get_current_job

from ingest import settings
from ingest.batch.queue import JOB_TIMEOUT_SECONDS
from ingest.errors import BatchFailedError, PostgresAwayError, describe
from workers.database import Database
from workers.settle import OneByOne, bury, settle, unsettled
from workers.taken_batch import TakenBatch, take
from workers.watchdog import watched

ATTEMPTS_TOGETHER = 1
"""A batch that has ended this many attempts without a word is normalised push by push; a push that then ends two
workers more is dead. One would not be enough: machines are reset for other reasons, and something is always in hand."""
CAREFUL_SECONDS = JOB_TIMEOUT_SECONDS / 2
"""Push by push a large batch may take several jobs: the alarm must not ring for a push that did nothing wrong."""


def normalise(batch_id: str) -> None:
    """Take the batch, settle every push in it, discard it. Running twice, or twice at once, does no harm."""
    job = get_current_job()
    assert job, "normalise runs as an RQ job"
    try:
        with watched():
            normalise_batch(job.connection, database(), batch_id)
    except PostgresAwayError:
        raise
    except SystemExit as told_to_stop:
        raise told_to_stop from None  # nor what it was told in the midst of
    except Exception as error:
        # RQ keeps the traceback and its dashboard shows it: without the cause, whose text may hold a row.
        raise BatchFailedError(describe(error)) from None


def normalise_batch(client: Redis, database: Database, batch_id: str) -> None:
    """What `normalise` does, on given connections."""
    batch = take(client, batch_id)
    if batch is None:
        return
    try:
        if batch.attempts <= ATTEMPTS_TOGETHER:
            settle(database, batch.entries)
            is_done = True
        else:
            is_done = _settle_carefully(database, batch)
    except PostgresAwayError:
        batch.release()
        raise
    if is_done:
        batch.discard()
    else:
        # The sweeper enqueues it again: a job of the same id would be cleaned up together with this one.
        batch.release()


def _settle_carefully(database: Database, batch: TakenBatch) -> bool:
    """Settle the batch push by push; false if this job's share of the time is over before its end."""
    one_by_one, rest = OneByOne(database), []
    for entry in unsettled(database, batch.entries):
        if entry.push_id == batch.in_hand == batch.suspect:
            bury(database, entry, "its normalising ended the worker, alone as well")
        else:
            rest.append(entry)
    if batch.in_hand:
        batch.suspect_in_hand()
        rest.sort(key=lambda entry: entry.push_id == batch.in_hand)  # last, so that no other waits for it
    leave_at = time.monotonic() + CAREFUL_SECONDS
    for entry in rest:
        if time.monotonic() > leave_at:
            return False
        batch.take_in_hand(entry)
        one_by_one.settle(entry)
    one_by_one.end()
    return True


@functools.cache
def database() -> Database:
    """This process's connection; opened by the first job, so that a pool may fork before."""
    return Database(settings.load().database_url, patience_seconds=JOB_TIMEOUT_SECONDS * 2 / 3)
