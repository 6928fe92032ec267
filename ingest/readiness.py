"""`/readyz`: can a push be stored right now, and where, in words."""

from __future__ import annotations

import asyncio

import redis.asyncio
from redis.exceptions import RedisError

from ingest import durability
from ingest.fallback import Fallback

CAN_STORE = "can store"


class Readiness:
    """Asks Redis and Postgres anew each time: an answer from memory could be a lie."""

    def __init__(self, client: redis.asyncio.Redis, fallback: Fallback, appendfsync: str) -> None:
        self._client = client
        self._fallback = fallback
        self._appendfsync = appendfsync
        self._running: asyncio.Task[tuple[bool, dict[str, str]]] | None = None

    async def check(self) -> tuple[bool, dict[str, str]]:
        """Whether a push can be stored, and a word on each place.

        Who asks while it is being looked at has the same answer: anybody may ask, and as often as they like.
        """
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._check())
        return await asyncio.shield(self._running)

    async def _check(self) -> tuple[bool, dict[str, str]]:
        redis_words, in_redis = await self._redis()
        in_postgres = await self._fallback.is_reachable()
        ready = in_redis or in_postgres
        return ready, {
            "pushes": _pushes_words(in_redis, in_postgres),
            "redis": redis_words,
            "postgres": CAN_STORE if in_postgres else "does not answer, or has no tables: run `ingest migrate`",
        }

    async def _redis(self) -> tuple[str, bool]:
        try:
            info = await self._client.info("replication")
            memory = await self._client.info("memory")
        except (RedisError, OSError) as error:
            return f"does not answer ({type(error).__name__})", False
        if info.get("role") != "master":
            return "is a replica, which takes no pushes: name the primary in REDIS_URL", False
        limit = memory.get("maxmemory", 0)
        if limit and memory.get("used_memory", 0) >= limit:
            return "is full: raise maxmemory", False
        risks = await self._risks()
        return "; ".join([CAN_STORE, *risks]), True

    async def _risks(self) -> list[str]:
        try:
            # One by one: Redis before 7 takes no more.
            config = [(name, (await self._client.config_get(name)).get(name)) for name in durability.SETTINGS]
        except RedisError:
            return []  # a managed Redis may forbid the command
        return [words for words in durability.judge(dict(config), self._appendfsync).values() if words]


def _pushes_words(in_redis: bool, in_postgres: bool) -> str:
    if in_redis:
        return "are stored in Redis, and normalised from there"
    if in_postgres:
        return "are stored in Postgres as pending until Redis is back"
    return "are answered 503: there is nowhere to store them"
