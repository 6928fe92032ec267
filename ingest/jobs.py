"""How a batch becomes an RQ job: the one place that names the queue and the job's settings."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

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


def normalise_queue(connection: Redis) -> Queue:
    """The queue of batches to normalise. Arguments travel as JSON: pickle never touches Redis."""
    return Queue(QUEUE_NAME, connection=connection, serializer=JSONSerializer)


def pipeline_only_queue() -> Queue:
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
