"""`/readyz`: would a push be stored right now, and where? A stranger learns nothing else from it."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress

import redis.asyncio
from redis.exceptions import RedisError

from ingest import clocks
from ingest.batch import durability, redis_probe
from ingest.batch.pause import SUSPENDED
from ingest.clocks import ClockReading
from ingest.errors import describe
from ingest.web import fallback
from ingest.web.batch_in_redis import JOIN
from ingest.web.fallback import Fallback

CAN_STORE = "can store"

SHARED_SECONDS = 0.1
"""Questions so soon after one another get the same answer: strangers may ask, and each answer costs a write."""

_log = logging.getLogger("web.readiness")

_Verdict = tuple[bool, dict[str, str]]


class Readiness:
    """Writes to Redis and Postgres what a push would write, and takes it back: a server may answer and refuse writes.

    Each check writes anew: an answer from memory could be wrong by now.
    """

    def __init__(self, client: redis.asyncio.Redis, fallback: Fallback, appendfsync: str) -> None:
        self._client = client
        self._fallback = fallback
        self._appendfsync = appendfsync
        self._join = client.register_script(JOIN)
        self._running: asyncio.Task[_Verdict] | None = None
        self._began = 0.0
        self._logged: dict[str, list[str]] = {}

    async def check(self) -> _Verdict:
        """Whether a push can be stored, and a word on each store and on the clock.

        Questions that come during a check get its answer.
        """
        if self._running is None or (self._running.done() and time.monotonic() >= self._began + SHARED_SECONDS):
            self._began = time.monotonic()
            self._running = asyncio.create_task(self._check())
        return await asyncio.shield(self._running)

    async def _check(self) -> _Verdict:
        readings: dict[str, ClockReading] = {}
        in_redis, in_postgres = await asyncio.gather(self._redis(readings), self._postgres(readings))
        ready = CAN_STORE in (in_redis, in_postgres)
        return ready, {
            "pushes": _pushes_words(in_redis, in_postgres, are_paused=await self._are_paused()),
            "redis": in_redis,
            "postgres": in_postgres,
            "clock": clocks.words(readings),
        }

    async def _redis(self, readings: dict[str, ClockReading]) -> str:
        try:
            asked = time.time()
            async with self._client.pipeline(transaction=True) as pipeline:
                redis_probe.put_probe(pipeline, self._join)
                readings["Redis"] = redis_probe.reading(asked, await pipeline.execute())
        except Exception as error:  # also what no client's documentation names
            self._log_once("Redis", [f"would take no push: {redis_probe.why_not(error)} ({describe(error)})"])
            return redis_probe.why_not(error)
        if await self._is_replica():
            self._log_once("Redis", ["is a replica, which forgets what it stored: name the primary in REDIS_URL"])
            return redis_probe.REPLICA
        self._log_once("Redis", await self._risks())
        return CAN_STORE

    async def _is_replica(self) -> bool:
        """Also true for a replica that takes writes, as an old setting allows."""
        try:
            return (await self._client.info("replication")).get("role") != "master"
        except (RedisError, OSError):
            return False  # a user for pushes alone may not be allowed to ask

    async def _are_paused(self) -> bool:
        try:
            return bool(await self._client.exists(SUSPENDED))
        except (RedisError, OSError):
            return False

    async def _postgres(self, readings: dict[str, ClockReading]) -> str:
        try:
            readings["Postgres"] = await self._fallback.probe()
        except Exception as error:
            self._log_once("Postgres", [f"would take no push: {fallback.why_not(error)} ({describe(error)})"])
            return fallback.why_not(error)
        self._log_once("Postgres", [])
        return CAN_STORE

    async def _risks(self) -> list[str]:
        config: dict[str, str] = {}
        # Each by itself: a managed Redis may forbid CONFIG, and a user for pushes alone may not be allowed to ask.
        with suppress(RedisError, OSError):
            for section in durability.SECTIONS:
                config |= durability.told(await self._client.info(section))
        with suppress(RedisError, OSError):
            for name in durability.SETTINGS:  # one by one: Redis before 7 takes no more
                if (value := (await self._client.config_get(name)).get(name)) is not None:
                    config[name] = value
        return [words for words in durability.judge(config, self._appendfsync).values() if words]

    def _log_once(self, store: str, words: list[str]) -> None:
        """Log for the operator, when it is news, what strangers are not told."""
        if words != self._logged.get(store, []):
            level = logging.WARNING if words else logging.INFO
            _log.log(level, "%s %s", store, "; ".join(words) or "takes pushes again")
        self._logged[store] = words


def _pushes_words(in_redis: str, in_postgres: str, *, are_paused: bool) -> str:
    if in_redis == CAN_STORE and are_paused:
        return "are stored in Redis, and wait there while workers are paused"
    if in_redis == CAN_STORE:
        return "are stored in Redis, and normalised from there"
    if in_postgres == CAN_STORE:
        return "are stored in Postgres as pending until Redis is back"
    return "are answered 503: there is nowhere to store them"
