"""Redis tells what web and sweeper have counted, what is in flight, and how it is itself."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from redis import Redis

from ingest.batch import keys
from ingest.batch.pause import find_pause
from ingest.web.counts import WebProcess
from ingest.web.refusals import FAULT_OF_OURS
from ops import in_flight
from ops.metrics.families import Histogram, Reading, Samples

_CHORE_METRICS = {
    "begun_at": "ingest_chore_begun_timestamp_seconds",
    "succeeded_at": "ingest_chore_last_success_timestamp_seconds",
    "seconds": "ingest_chore_duration_seconds",
    "every": "ingest_chore_interval_seconds",
    "failures": "ingest_chore_failures_total",
}


def read(client: Redis) -> Reading:
    """Everything. Raises what the client raises."""
    return {
        **_counted(client),
        **_web(client),
        **_in_flight(client),
        **_missing(client),
        **_pause(client),
        **_chores(client),
        **_server(client),
    }


def _hash(client: Redis, key: str) -> dict[str, Any]:
    found: dict[Any, Any] = client.hgetall(key)
    return {field.decode(): value for field, value in found.items()}


def _counted(client: Redis) -> Reading:
    # Where a series comes with its first count, Prometheus sees no increase; of this one the first has to be told.
    refused: Samples = {("", FAULT_OF_OURS): 0}
    for one in in_flight.refused(client):
        refused[one["source"] or "", one["reason"]] = one["requests"]
    took = _hash(client, keys.KEEP_SECONDS)
    places = [int(took.get(str(place), 0)) for place in range(len(keys.KEEP_BOUNDS) + 1)]
    breaker = _hash(client, keys.BREAKER)
    return {
        "ingest_pushes_kept_total": {
            tuple(field.split("\t")): float(count) for field, count in _hash(client, keys.KEPT).items()
        },
        "ingest_requests_refused_total": refused,
        "ingest_keep_seconds": {(): Histogram(keys.KEEP_BOUNDS, places, int(took.get("microseconds", 0)) / 1e6)},
        "ingest_source_last_push_timestamp_seconds": {
            (source,): float(at) for source, at in _hash(client, keys.LAST_PUSH).items()
        },
        "ingest_breaker_opened_total": {(): float(breaker.get("opened", 0))},
        "ingest_breaker_pushes_total": {(): float(breaker.get("pushes", 0))},
    }


def _web(client: Redis) -> Reading:
    lives_since = in_flight.time_of(client).timestamp() - keys.WEB_TTL_SECONDS
    names = keys.decode_ids(client.zrangebyscore(keys.WEB, lives_since, "+inf"))
    states: list[Any] = client.mget(map(keys.web, names)) if names else []
    processes = [msgspec.json.decode(state, type=WebProcess) for state in states if state]
    return {
        "ingest_web_processes": {(): len(processes)},
        "ingest_web_connections": {(): sum(one.connections for one in processes)},
        "ingest_breakers_open": {(): sum(one.is_breaker_open for one in processes)},
    }


def _in_flight(client: Redis) -> Reading:
    found = in_flight.in_flight(client)
    return {
        "ingest_in_flight_batches": {(): found["batches"]},
        "ingest_in_flight_pushes": {(): found["pushes"]},
        "ingest_in_flight_oldest_seconds": {(): found["oldest_seconds"]},
        "ingest_jobs": {("queued",): found["jobs_queued"], ("failed",): found["jobs_failed"]},
        "ingest_workers": _workers(client),
    }


def _workers(client: Redis) -> Samples:
    workers = in_flight.living_workers(client)
    states = Counter("busy" if worker.get_state() == "busy" else "idle" for worker in workers)
    return {(state,): states[state] for state in ("busy", "idle")}


def _missing(client: Redis) -> Reading:
    missing: Samples = {(source.decode(),): 0 for source in client.hkeys(keys.LAST_PUSH)}  # type: ignore[union-attr]
    counts = Counter[str]()
    for (_, source), pushes in in_flight.missing(client).items():
        counts[source] += pushes
    return {"ingest_pushes_missing": missing | {(source,): pushes for source, pushes in counts.items()}}


def _pause(client: Redis) -> Reading:
    pause = find_pause(client)
    is_timed = bool(pause and pause.until)
    return {"ingest_paused": {("by itself",): is_timed, ("by hand",): bool(pause) and not is_timed}}


def _chores(client: Redis) -> Reading:
    reading: Reading = {}
    told: dict[Any, Any] = client.hgetall(keys.CHORES)
    for chore, doing in keys.by_chore(told).items():
        for what in doing.keys() & _CHORE_METRICS.keys():  # a newer sweeper may tell more
            reading.setdefault(_CHORE_METRICS[what], {})[chore,] = doing[what]
    return reading


def _server(client: Redis) -> Reading:
    server: dict[str, Any] = client.info()
    reading: Reading = {
        "ingest_store_connections": {("redis",): server["connected_clients"]},
        "ingest_store_bytes": {("redis",): server["used_memory"]},
        "ingest_redis_memory_limit_bytes": {(): server.get("maxmemory", 0)},
    }
    if limit := server.get("maxclients"):
        reading["ingest_store_connections_limit"] = {("redis",): limit}
    return reading
