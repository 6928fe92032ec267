"""How a batch becomes an RQ job: the one place that names the queue and the job's settings."""

from __future__ import annotations

import json
import logging
import os
import socket
import zlib
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import decode_redis_hash

QUEUE_NAME = "normalise"
JOB_TIMEOUT_SECONDS = 30
"""A batch takes tens of milliseconds; a longer job has hung, or waits in vain for Postgres."""
WORKER_TTL_SECONDS = 30
"""An idle worker's heart beats a little more often; one at a job is silent until the job has ended."""
WORKER_SILENCE_SECONDS = JOB_TIMEOUT_SECONDS + WORKER_TTL_SECONDS + 15
"""A worker that has been silent for longer is dead."""
FAILURE_TTL_SECONDS = 24 * 3600
"""A failed job holds nothing but its traceback: the batch stays in the index, and is enqueued again."""

OLDEST_REDIS = (6, 2, 0)
"""The first with BLMOVE, on which an atomic dequeue rests."""

_FUNCTION = "workers.jobs.normalise"
_LONGEST_DATA = 1000
"""Bytes of a job's data, unpacked; ours are a hundred"""
_READ = (
    "created_at",
    "enqueued_at",
    "started_at",
    "ended_at",
    "last_heartbeat",
    "origin",
    "description",
    "worker_name",
    "status",
)
"""What is read of a job besides the batch's id"""

_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, zlib.error)
"""What reading something else raises; RQ's own request to stop may be raised there too, and is none of these"""

_log = logging.getLogger(__name__)


class BatchJob(Job):
    """A job as `enqueue_batch` makes it. Whatever else is stored as one is refused: removed, and for RQ not there.

    Who can write to Redis would choose otherwise what RQ imports and calls (a function, three callbacks), unpickles
    (results, `meta`), fetches (webhooks) and enqueues (dependents, repeats). Of ours only times and words are read.
    """

    def restore(self, raw_data: Any) -> None:
        """Read what Redis has of the job. Raises NoSuchJobError if it is not ours."""
        try:
            stored = decode_redis_hash(raw_data)
            kept = {name: stored[name] for name in _READ if name in stored}
            super().restore({**kept, "data": _data_of_ours(self.id, stored["data"])})
        except _MALFORMED:
            _log.warning("a job that is not ours was refused, and removed from Redis")
            self.connection.delete(self.key)
            raise NoSuchJobError from None
        self.timeout, self.result_ttl, self.failure_ttl = JOB_TIMEOUT_SECONDS, 0, FAILURE_TTL_SECONDS


class BatchQueue(Queue):
    """A queue of such jobs, whoever makes it: RQ's pool would make one that unpickles. No job depends on another."""

    def __init__(self, name: str, connection: Redis, **options: Any) -> None:
        ours = {"job_class": BatchJob, "serializer": JSONSerializer}
        super().__init__(name, connection=connection, **{**options, **ours})

    def move_dependents_to_ready(self, *_: object, **__: object) -> dict[str, list[str]]:
        """Nothing waits for a batch."""
        return {}


def _data_of_ours(job_id: str, data: bytes) -> bytes:
    """The data of the job that normalises the batch of this id. ValueError or zlib.error for any other."""
    unpacked = zlib.decompressobj().decompress(data, _LONGEST_DATA)
    if json.loads(unpacked) != [_FUNCTION, None, [job_id], {}]:
        raise ValueError
    return unpacked


def normalise_queue(connection: Redis) -> BatchQueue:
    """The queue of batches to normalise. Arguments travel as JSON: pickle never touches Redis."""
    return BatchQueue(QUEUE_NAME, connection)


def pipeline_only_queue() -> BatchQueue:
    """The same queue for building commands that travel on somebody else's pipeline; it never connects.

    RQ wants a client all the same, and would ask it for the server's version at the first job.
    """
    queue = normalise_queue(Redis())
    queue.redis_server_version = OLDEST_REDIS
    return queue


def enqueue_batch(queue: Queue, batch_id: str, pipeline: Any) -> None:
    """Put the job that normalises a batch onto a pipeline (sync or asyncio); the job's id is the batch's id."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    job = Queue.prepare_data(
        _FUNCTION,
        args=(batch_id,),
        job_id=batch_id,
        timeout=JOB_TIMEOUT_SECONDS,
        result_ttl=0,
        failure_ttl=FAILURE_TTL_SECONDS,
        description=f"batch enqueued {now} by {socket.gethostname()}:{os.getpid()}",
    )
    queue.enqueue_many([job], pipeline=pipeline)
