"""Redis clients, each with its own time-outs and retries: with redis-py's an answer could take many seconds."""

from __future__ import annotations

from typing import Any

import redis
import redis.asyncio
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

ACKNOWLEDGE_TIMEOUT_SECONDS = 0.4
"""How long a write may take until the push goes to Postgres instead: the sender has an answer within a second."""

ANSWER_SECONDS = 2.0
"""How long a command waits for Redis's first answer."""


class _Abrupt(AbstractConnection):
    """A connection that discards unsent bytes when it is closed.

    Otherwise asyncio would keep them until a frozen server goes on reading: a batch in each try.
    """

    async def disconnect(self, nowait: bool = False, *args: Any, **keywords: Any) -> None:
        if nowait and self._writer is not None:
            self._writer.transport.abort()
        await super().disconnect(nowait, *args, **keywords)


def acknowledging_client(url: str) -> redis.asyncio.Redis:
    """The client of the open batch. It never repeats a write: `open_batch` decides whether to append again.

    It has no time-out of its own either. One around all that a write needs, as `open_batch` has, costs less than one
    around each step.
    """
    client = _once_client(url, None)
    pool = client.connection_pool
    pool.connection_class = type("_AbruptConnection", (_Abrupt, pool.connection_class), {})
    return client


def aside_client(url: str) -> redis.asyncio.Redis:
    """Web's client for all but pushes; it fails fast."""
    return _once_client(url, ACKNOWLEDGE_TIMEOUT_SECONDS)


def _once_client(url: str, timeout: float | None) -> redis.asyncio.Redis:
    return redis.asyncio.Redis.from_url(
        url,
        socket_timeout=timeout,
        socket_connect_timeout=ACKNOWLEDGE_TIMEOUT_SECONDS,
        retry=AsyncRetry(NoBackoff(), 0),
        # A managed Redis may announce maintenance, and the client would then wait for ten seconds.
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )


def brisk_client(url: str) -> redis.Redis:
    """The sweeper's client. It gives up soon, as other chores wait, and the next pass can try again."""
    return redis.Redis.from_url(url, socket_timeout=3, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0))


def operators_client(url: str) -> redis.Redis:
    """The commands' client. Raises redis-py's errors within three seconds if Redis does not answer at all.

    Later replies may take longer, as they may be large.
    """
    hurried = redis.Redis.from_url(
        url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS, retry=Retry(NoBackoff(), 0)
    )
    with hurried:
        hurried.ping()
    return redis.Redis.from_url(
        url, socket_timeout=10, socket_connect_timeout=ANSWER_SECONDS, retry=Retry(NoBackoff(), 0)
    )


def patient_client(url: str) -> redis.Redis:
    """The workers' client. It tries again, as everything that workers do may be done twice."""
    return redis.Redis.from_url(
        url,
        socket_timeout=10,
        socket_connect_timeout=5,
        retry=Retry(ExponentialBackoff(cap=1, base=0.05), 3),
    )
