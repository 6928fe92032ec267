"""The facts that Redis knows."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from ingest.batch import keys, redis_probe
from ingest.batch.pause import find_pause
from ingest.errors import RedisAwayError
from ingest.settings import Settings
from ops import in_flight, probes
from ops.status.facts import ChoreFacts, Missing, RedisFacts, RefusedLately, WorkerFacts, WrongSecret

LATELY_MINUTES = 15
"""For so long something counts as happening still"""


def look(current: Settings) -> RedisFacts:
    """Gather the facts."""
    try:
        with in_flight.connect(current) as client:
            now = in_flight.time_of(client)
            return RedisFacts(
                at=now,
                in_flight=in_flight.in_flight(client),
                workers=_workers(client, now),
                web_silent_seconds=_web_silent_seconds(client, now),
                chores=_chores(client),
                pause=find_pause(client),
                acknowledged_last_24_hours=in_flight.acknowledged_of_last_day(client),
                last_push_at=in_flight.last_pushes(client),
                refused_lately=_refused_lately(client),
                refused=in_flight.refused(client),
                last_refused=in_flight.last_refused(client),
                last_refusals=in_flight.last_refusals(client),
                missing=_missing(client),
                wrong_secrets=_wrong_secrets(client),
                known_credentials=sorted(in_flight.last_used(client)),
                cannot_store=_cannot_store(client),
            )
    except RedisAwayError as error:
        return RedisFacts(error=str(error))


def _cannot_store(client: Redis) -> str | None:
    try:
        probes.put_in_redis(client)
    except ResponseError as error:
        return redis_probe.why_not(error)
    return None


def _workers(client: Redis, now: datetime) -> list[WorkerFacts]:
    return [
        WorkerFacts(
            f"{one.hostname}:{one.pid}",
            str(getattr(one.get_state(), "value", one.get_state())),
            round(max(0.0, (now - one.last_heartbeat).total_seconds()), 1) if one.last_heartbeat else 0.0,
        )
        for one in in_flight.living_workers(client)
    ]


def _web_silent_seconds(client: Redis, now: datetime) -> float | None:
    newest: Any = client.zrange(keys.WEB, -1, -1, withscores=True)
    return max(0.0, round(now.timestamp() - newest[0][1], 1)) if newest else None


def _chores(client: Redis) -> list[ChoreFacts]:
    told: dict[Any, Any] = client.hgetall(keys.CHORES)
    return [
        ChoreFacts(name, _moment(doing.get("succeeded_at")), doing.get("every", 0.0), _moment(doing.get("begun_at")))
        for name, doing in sorted(keys.by_chore(told).items())
    ]


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _refused_lately(client: Redis) -> list[RefusedLately]:
    counts: dict[tuple[str, str | None], list[tuple[int, int]]] = defaultdict(list)
    for minute, reason, source, requests in in_flight.refused_by_minute(client, LATELY_MINUTES):
        counts[reason, source].append((minute, requests))
    return [
        RefusedLately(
            reason,
            source,
            sum(requests for _, requests in found),
            _first(found),
        )
        for (reason, source), found in sorted(counts.items(), key=str)
    ]


def _missing(client: Redis) -> list[Missing]:
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for (hour, source), pushes in in_flight.missing(client).items():
        counts[source][hour] = pushes
    return [
        Missing(source, sum(by_hour.values()), datetime.fromisoformat(f"{min(by_hour)}:00+00:00"))
        for source, by_hour in sorted(counts.items())
    ]


def _wrong_secrets(client: Redis) -> list[WrongSecret]:
    counts: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for minute, credential, requests in in_flight.wrong_secrets_by_minute(client, LATELY_MINUTES):
        counts[credential].append((minute, requests))
    return [
        WrongSecret(credential, sum(requests for _, requests in found), _first(found))
        for credential, found in sorted(counts.items())
    ]


def _first(counts: list[tuple[int, int]]) -> datetime:
    """The first minute of counts by minute."""
    return datetime.fromtimestamp(min(minute for minute, _ in counts) * 60, UTC)
