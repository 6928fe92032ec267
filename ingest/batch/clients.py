"""Redis clients with time-outs and retries chosen on purpose: redis-py's own would hold an answer for seconds."""

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
"""How long a write may take before the push goes to Postgres instead: the answer must be out within a second."""

ANSWER_SECONDS = 2.0
"""How long a command waits for Redis's first answer."""


class _Abrupt(AbstractConnection):
    """A connection that is given up at once: what a server that stands still has not read, a batch each time, would be
    kept until it goes on."""

    async def disconnect(self, nowait: bool = False, *args: Any, **keywords: Any) -> None:
        if nowait and self._writer is not None:
            self._writer.transport.abort()
        await super().disconnect(nowait, *args, **keywords)


def acknowledging_client(url: str) -> redis.asyncio.Redis:
    """The client of the open batch: never repeats a write, as a repeated append is decided there, and has no time-out.

    The one that `open_batch` has around all that a write may need costs less than one around each step.
    """
    client = _once_client(url, None)
    pool = client.connection_pool
    pool.connection_class = type("_AbruptConnection", (_Abrupt, pool.connection_class), {})
    return client


def aside_client(url: str) -> redis.asyncio.Redis:
    """Web's client for all else: fails fast."""
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
    """The sweeper's client: gives up soon, as what cannot be done now is done in the next pass, and others wait."""
    return redis.Redis.from_url(url, socket_timeout=3, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0))


def operators_client(url: str) -> redis.Redis:
    """The commands' client. Raises redis-py's errors within three seconds if Redis does not answer: somebody waits.
    Once it has, a large reply may take longer."""
    hurried = redis.Redis.from_url(
        url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS, retry=Retry(NoBackoff(), 0)
    )
    with hurried:
        hurried.ping()
    return redis.Redis.from_url(
        url, socket_timeout=10, socket_connect_timeout=ANSWER_SECONDS, retry=Retry(NoBackoff(), 0)
    )


def patient_client(url: str) -> redis.Redis:
    """The workers' client: may try again, as all that they do may be done twice."""
    return redis.Redis.from_url(
        url,
        socket_timeout=10,
        socket_connect_timeout=5,
        retry=Retry(ExponentialBackoff(cap=1, base=0.05), 3),
    )
