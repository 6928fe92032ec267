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
"""The fields of a job that are read, besides the batch's id"""

_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, zlib.error)
"""Errors of reading a job that is not ours. RQ's request to stop may be raised there too, and is none of these."""

_log = logging.getLogger("queue")


class BatchJob(Job):
    """A job as `enqueue_batch` makes it. Any other job is removed, and RQ is told that there is none.

    RQ imports and calls what a job names (a function, three callbacks). It unpickles results and `meta`, fetches
    webhooks and enqueues dependents and repeats. So anybody who can write to Redis could choose all that. Of our own
    jobs only times and words are read.
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
    """A queue of such jobs, also where RQ's pool makes it, which would choose pickle. No job depends on another."""

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
    """The same queue for putting commands on a pipeline of another client; it never connects.

    RQ needs a client all the same. The version is set, as RQ would ask the server for it at the first job.
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
