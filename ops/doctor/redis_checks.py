"""Redis, as `ingest doctor` sees it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from ingest.batch import durability, redis_probe
from ingest.batch.pause import find_pause
from ingest.batch.queue import OLDEST_REDIS
from ingest.settings import Settings
from ops import in_flight, probes
from ops.doctor import encryption
from ops.doctor.findings import Finding, change, clock, good, note, notes
from workers.sweeper.full_redis import NEARLY_FULL

HEAD_ROOM = 0.5
"""Of a machine's memory: while Redis writes its log anew it may need its memory twice."""
_WRITTEN = {
    "aof_last_write_status": "write its log (AOF)",
    "aof_last_bgrewrite_status": "write its log (AOF) anew",
    "rdb_last_bgsave_status": "write its snapshot (RDB)",
}


def check(current: Settings) -> Iterator[Finding]:
    """Check the server at REDIS_URL; RedisAwayError if it does not answer."""
    with in_flight.connect(current) as client:
        yield from notes(encryption.of_redis(client))
        server: dict[str, Any] = client.info()
        yield _version(server)
        if why := redis_probe.unusable(server):
            yield change(why)
            return
        yield _role(server)
        yield from _push(client)
        if lasting := find_pause(client):
            yield note(f"{lasting.words}: `ingest resume` ends that")
        yield from memory(server)
        yield from disk(server)
        yield from _durability(client, server, current)


def _version(server: dict[str, Any]) -> Finding:
    version = server.get("valkey_version") or server["redis_version"]
    is_compatible = tuple(map(int, server["redis_version"].split("."))) >= OLDEST_REDIS
    return good(f"Redis {version}") if is_compatible else change(f"Redis {version}: 6.2 or newer is needed")


def _role(server: dict[str, Any]) -> Finding:
    if server["role"] == "master":
        return good("Redis is a primary")
    return change("REDIS_URL names a replica: name the primary")


def _push(client: Redis) -> Iterator[Finding]:
    """Store what a push would store, and take it back."""
    try:
        reading = probes.put_in_redis(client)
    except ResponseError as error:
        yield change(f"Redis would take no push: it {redis_probe.why_not(error)} ({redis_probe.told(error)})")
        return
    yield good("Redis takes pushes")
    yield clock("Redis", reading)


def memory(server: dict[str, Any]) -> Iterator[Finding]:
    """Whether there is room, by what INFO tells."""
    limit, used = server.get("maxmemory", 0), server.get("used_memory", 0)
    if 0 < limit * NEARLY_FULL < used:  # from here on the sweeper moves batches to Postgres
        yield note(f"Redis has used {used / limit:.0%} of its memory: raise maxmemory, or WORKERS if batches wait")
    machine = server.get("total_system_memory", 0)
    if not limit and used > machine * HEAD_ROOM > 0:
        yield note(f"Redis uses {used / machine:.0%} of its machine's memory, and nothing bounds it: set maxmemory")


def disk(server: dict[str, Any]) -> Iterator[Finding]:
    """Whether it could write its files the last time, by what INFO tells; a full disk shows here before it refuses
    pushes."""
    for name, what in _WRITTEN.items():
        if server.get(name, "ok") != "ok":
            yield change(f"Redis could not {what}: look into its log, and for room on its disk")


def _durability(client: Redis, server: dict[str, Any], current: Settings) -> Iterator[Finding]:
    config = durability.told(server)
    with suppress(ResponseError):  # a managed Redis forbids the command
        for name in durability.SETTINGS:  # one by one: Redis before 7 takes no more
            if (value := client.config_get(name).get(name)) is not None:
                config[name] = value
    for name, words in durability.judge(config, current.appendfsync).items():
        yield Finding(words is None, f"Redis {words or f'{name} {config[name]}'}")
    if untold := [name for name in durability.SETTINGS if name not in config]:
        yield note(f"Redis does not tell its {', '.join(untold)}: see to them where it is managed")
    if config.get("appendfsync") == current.appendfsync == "everysec":
        yield good("INGEST_APPENDFSYNC=everysec: up to two seconds of acknowledged pushes may be lost")
