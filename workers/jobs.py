"""The one RQ job: normalise a batch. However the job ends, the batch is in Postgres or still in Redis."""

from __future__ import annotations

import functools
import logging
import time
from collections import Counter

from redis import Redis
from rq import get_current_job

from ingest import logs, settings
from ingest.batch.queue import JOB_TIMEOUT_SECONDS
from ingest.errors import BatchFailedError, WorkWaitsError, describe
from workers.attempts import ATTEMPTS_TOGETHER, Attempt
from workers.database import Database
from workers.settle import OneByOne, bury, settle, unsettled
from workers.taken_batch import TakenBatch, take
from workers.watchdog import watched

CAREFUL_SECONDS = JOB_TIMEOUT_SECONDS / 2
"""How long one job goes through a batch push by push. A large batch takes several jobs: if a job ran out of time, the
push in hand would be suspected."""

_log = logging.getLogger("worker")


def normalise(batch_id: str) -> None:
    """Take the batch, settle every push in it, discard it. Running twice, or twice at once, does no harm."""
    job = get_current_job()
    assert job, "normalise runs as an RQ job"
    try:
        with watched():
            normalise_batch(job.connection, database(), batch_id)
    except WorkWaitsError:
        raise
    except SystemExit as told_to_stop:
        raise told_to_stop from None  # the error that was being handled may hold a row as well
    except Exception as error:
        # Without its cause, whose text may hold a row: RQ keeps the traceback, and its dashboard shows it.
        raise BatchFailedError(describe(error)) from None


def normalise_batch(client: Redis, database: Database, batch_id: str) -> None:
    """Do the same on given connections."""
    with logs.about(batch=batch_id):
        batch = take(client, batch_id)
        if batch:
            _settle_taken(database, batch)


def _settle_taken(database: Database, batch: TakenBatch) -> None:
    begun, is_careful = time.monotonic(), batch.attempts > ATTEMPTS_TOGETHER
    try:
        outcomes = _settle_carefully(database, batch) if is_careful else _settle_together(database, batch)
    except WorkWaitsError:
        batch.release()
        raise
    if outcomes is None:
        # The sweeper enqueues the batch again. Here RQ would remove the new job with this one, as both have one id.
        batch.release()
        _log.info("batch %s is not settled to its end: it is taken up again", batch.batch_id)
    else:
        batch.discard()
        _tell(batch, outcomes, round(time.monotonic() - begun, 3))


def _tell(batch: TakenBatch, outcomes: Counter[str], seconds: float) -> None:
    """Say what became of a batch: one line for each."""
    words = ", ".join(f"{pushes} {outcome}" for outcome, pushes in sorted(outcomes.items())) or "nothing was left of it"
    told = {"pushes": len(batch.entries), "outcomes": dict(outcomes), "attempt": batch.attempts, "seconds": seconds}
    _log.info("batch %s is settled in %.3f s: %s", batch.batch_id, seconds, words, extra=told)


def _settle_together(database: Database, batch: TakenBatch) -> Counter[str]:
    return settle(database, batch.entries, _attempt(batch))


def _settle_carefully(database: Database, batch: TakenBatch) -> Counter[str] | None:
    """Settle the batch push by push, and count the outcomes; None if CAREFUL_SECONDS are over before its end."""
    attempt, buried = _attempt(batch), Counter[str]()
    one_by_one, rest = OneByOne(database, attempt), []
    for entry in unsettled(database, batch.entries):
        if entry.push_id == batch.in_hand == batch.suspect:
            buried[bury(database, entry, "its normalising ended the worker, alone as well", attempt)] += 1
        else:
            rest.append(entry)
    if batch.in_hand:
        batch.suspect_in_hand()
        rest.sort(key=lambda entry: entry.push_id == batch.in_hand)  # last, as it may end this worker too
    leave_at = time.monotonic() + CAREFUL_SECONDS
    for entry in rest:
        if time.monotonic() > leave_at:
            return None
        batch.take_in_hand(entry)
        one_by_one.settle(entry)
    return buried + one_by_one.end()


def _attempt(batch: TakenBatch) -> Attempt:
    return Attempt(through_redis=True, batch_id=batch.uuid, number=batch.attempts)


@functools.cache
def database() -> Database:
    """This process's connection. The first job opens it, after the pool has forked the worker."""
    return Database(settings.load().database_url, patience_seconds=JOB_TIMEOUT_SECONDS * 2 / 3)
