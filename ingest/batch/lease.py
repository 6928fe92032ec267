"""Lost batches: in the index, and without a job that would normalise them; how they get one again."""

from __future__ import annotations

import functools
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from redis import Redis
from rq import Queue
from rq.worker_registration import REDIS_WORKER_KEYS, WORKERS_BY_QUEUE_KEY

from ingest.batch import keys
from ingest.batch.index import batches_in_flight
from ingest.batch.queue import QUEUE_NAME, enqueue_batch, normalise_queue
from ingest.process_ids import is_alive


def holder() -> str:
    """This process, as a lease names it."""
    return f"{_here()}:{os.getpid()}"


def host_and_pid(process: str) -> str:
    """A process that `holder` has named, in short, for people: `host:pid`."""
    return f"{process.partition(':')[0]}:{process.rpartition(':')[2]}"


@functools.cache
def _here() -> str:
    """The boot and the process namespace that a pid belongs to: hosts and containers may share a name."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{socket.gethostname()}:{boot}:{Path('/proc/self/ns/pid').readlink()}"
    return socket.gethostname()


def enqueue_again(queue: Queue, batch_id: str) -> None:
    """Give a batch a new job, and remove RQ's traces of the old one, by which its clean-up would fail the new job."""
    with queue.connection.pipeline(transaction=True) as pipeline:
        pipeline.zrem(queue.failed_job_registry.key, batch_id)
        pipeline.lrem(queue.intermediate_queue_key, 0, batch_id)
        enqueue_batch(queue, batch_id, pipeline)
        pipeline.execute()


def leases(client: Redis, batch_ids: list[str]) -> Iterator[tuple[str, bytes | None]]:
    """Each batch with its lease; None if nobody holds one."""
    found: list[Any] = client.mget([keys.lease(batch_id) for batch_id in batch_ids]) if batch_ids else []
    return zip(batch_ids, found, strict=True)


def take_from_the_dead(client: Redis) -> list[str]:
    """Enqueue the batches whose lease a dead process of this machine holds, without waiting for it to run out."""
    batch_ids = batches_in_flight(client)
    held_by_dead = [batch_id for batch_id, lease in leases(client, batch_ids) if lease and _ended(lease)]
    queue = normalise_queue(client)
    for batch_id in held_by_dead:
        client.delete(keys.lease(batch_id))
        enqueue_again(queue, batch_id)
    return held_by_dead


def forget_the_dead(client: Redis) -> None:
    """Remove from RQ's registry the workers that were killed on this machine: RQ would count them for minutes."""
    for key in client.smembers(WORKERS_BY_QUEUE_KEY % QUEUE_NAME):
        if has_ended(client, key):
            with client.pipeline(transaction=True) as pipeline:
                pipeline.srem(REDIS_WORKER_KEYS, key)
                pipeline.srem(WORKERS_BY_QUEUE_KEY % QUEUE_NAME, key)
                pipeline.delete(key)
                pipeline.execute()


def has_ended(client: Redis, worker_key: Any) -> bool | None:
    """Whether the process of a worker has ended, by its key in RQ's registry; None if that cannot be seen from here."""
    worker: Any = client.hget(worker_key, "holder") or _registered(client, worker_key)
    return _ended(worker) if worker else None


def _registered(client: Redis, key: Any) -> bytes | None:
    """The worker's process as RQ knows it, for one that was killed before `register_birth` noted its holder."""
    found: list[Any] = client.hmget(key, "hostname", "pid")
    host, pid = found
    return f"{_here()}:{int(pid)}".encode() if host == socket.gethostname().encode() and pid else None


def _ended(process: bytes) -> bool | None:
    where, _, pid = process.decode().rpartition(":")
    return not is_alive(int(pid)) if where == _here() else None
