"""Would Redis take a push? A server that answers may refuse to write in a dozen ways.

The probe runs the commands that a push needs, on keys of its own, which it removes in the same step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ClusterCrossSlotError,
    ClusterError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from ingest.batch import keys
from ingest.clocks import ClockReading

RQ_QUEUES = "rq:queues"
"""RQ's set of all queues, to which a push adds as well"""

CANNOT_ANSWER = "does not answer"
REFUSES = "refuses writes"
REPLICA = "is a replica"
_ONE_PRIMARY = "a batch, its job and its counts are one write, which needs one primary that has all keys"
_CLUSTER = "is a cluster"
_WHY: tuple[tuple[tuple[type[RedisError], ...], str], ...] = (
    ((OutOfMemoryError,), "is full"),
    ((ReadOnlyError,), REPLICA),
    ((MovedError, ClusterError, ClusterCrossSlotError), _CLUSTER),
    ((NoPermissionError, AuthenticationError), f"{REFUSES}: the user lacks a right"),
    ((BusyLoadingError,), f"{REFUSES}: it is loading its data"),
)
_CODES = {"NOREPLICAS": f"{REFUSES}: it has too few replicas", "MISCONF": REFUSES}
"""Errors for which redis-py has no class of their own"""


def put_probe(pipeline: Any, join: Any) -> None:
    """Put the commands on a transaction (sync or asyncio). Nobody else sees the keys, as the transaction removes them.

    `join`: the script by which pushes join a batch, registered with a client of the same sort.
    """
    name = f"probe-{uuid4()}"
    batch, hour, job, queue = keys.batch(name), keys.acknowledged(name), f"rq:job:{name}", f"rq:queue:{name}"
    pipeline.rpush(batch, b"")
    pipeline.hset(job, "status", "queued")
    pipeline.sadd(RQ_QUEUES, queue)
    pipeline.rpush(queue, name)
    pipeline.zadd(keys.BATCHES, {name: 0})
    pipeline.scripts.add(join)
    pipeline.evalsha(join.sha, 2, batch, hour, "probe", "1", b"")
    pipeline.hincrby(hour, "probe", 1)
    pipeline.delete(batch, hour, job, queue)
    pipeline.srem(RQ_QUEUES, queue)
    pipeline.zrem(keys.BATCHES, name)
    pipeline.time()


def reading(asked: float, replies: list[Any]) -> ClockReading:
    """Redis's clock, out of the answers to a probe."""
    seconds, microseconds = replies[-1]
    return ClockReading.since(asked, int(seconds) + int(microseconds) / 1e6)


def unusable(info: Mapping[str, Any]) -> str | None:
    """Why no push can be put here, by INFO's sections `server` and `cluster`; None if it is a server of its own."""
    # Valkey may call it after itself.
    mode = info.get("redis_mode", info.get("server_mode"))
    if mode == "sentinel":
        return "REDIS_URL names a Sentinel, which holds no data: name the primary that it watches"
    if mode == "cluster" or info.get("cluster_enabled"):
        return f"REDIS_URL names a cluster: {_ONE_PRIMARY}"
    return None


def why_not(error: Exception) -> str:
    """Why Redis took no push, in words that may be shown to anybody."""
    by_class = [words for kinds, words in _WHY if isinstance(error, kinds)]
    by_code = [words for code, words in _CODES.items() if told(error).startswith(code)]
    return next(iter([*by_class, *by_code]), REFUSES if isinstance(error, ResponseError) else CANNOT_ANSWER)


def told(error: Exception) -> str:
    """The answer of Redis itself, without the command that redis-py puts before it."""
    # The asyncio client shows the answer as a tuple of one.
    return str(error).rpartition("caused error: ")[2].strip("(),'\"")
