"""Missing pushes: those that Redis counts as acknowledged, that wait nowhere, and that nobody has settled. It holds
Redis's counts against the log of settlements, and reads no push.

An hour is looked at once it is over, and nothing that may have come in it waits any more. Only first outcomes count, so
it is no matter if a replay or an erasure takes one back. If there are more outcomes than Redis counts, Redis was
emptied or restored, and has lost its counts: nothing is told then.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from functools import partial
from math import inf
from typing import Any, LiteralString

from redis import Redis

from ingest.batch import keys
from ingest.batch.entry import hour_name
from ingest.batch.index import oldest_opened_at
from workers.database import Database
from workers.sweeper.chore import REST_SECONDS, Chore
from workers.sweeper.day_blocks import Block, find_blocks
from workers.sweeper.retention import AnyConnection

HOURS = 72
"""So many hours are looked at. Redis keeps its counts for longer, and the log is kept as long."""
GRACE = timedelta(minutes=5)
"""After its end an hour is left alone for so long: a request lasts for a while, and clocks differ."""
BUDGET_SECONDS = 5.0
KEPT_SECONDS = 3600
"""How long is believed what a sweeper has found that is gone"""

FIND_BEGIN: LiteralString = """
SELECT coalesce(applied_at, now()) FROM airudder.migrations WHERE name = '0017_settlements_with_a_key'
"""
"""When older tables got these counts: of what came before they do not know how much was settled. Tables that schema.sql
has made have known it from the beginning."""

FIND_OLDEST_PENDING: LiteralString = """
SELECT received_at FROM airudder.pushes
WHERE status = 'pending' AND replayed_at IS NULL AND received_at >= %(since)s AND received_at < %(until)s
ORDER BY received_at LIMIT 1
"""

_COUNT: LiteralString = """
SELECT hour, source, sum(through_redis), bool_or(through_redis IS NULL) FROM airudder.settlements
WHERE hour = ANY (%(hours)s::timestamptz[]) AND {when} GROUP BY hour, source
"""

COUNT_SOON_SETTLED: LiteralString = _COUNT.format(
    when="settled_at BETWEEN %(hour)s::timestamptz - interval '10 min' AND %(hour)s::timestamptz + interval '70 min'"
)
"""As nearly all are, so that nearly all hours are done with after a look at an hour's log."""

COUNT_SETTLED: LiteralString = _COUNT.format(when="settled_at > %(hour)s::timestamptz - interval '2 days'")

_Place = tuple[datetime, str]
"""An hour, and a source"""

_log = logging.getLogger("sweeper.missing")


class MissingPushes(Chore):
    """Notes in Redis how many pushes are missing, by hour and source."""

    name = "missing pushes"
    every = 300.0
    rest = REST_SECONDS

    def __init__(self, client: Redis, database: Database, clock: Callable[[], float]) -> None:
        self._client = client
        self._database = database
        self._clock = clock
        self._settled: dict[_Place, float] = {}
        """How many the log has of each hour that was looked at; more than any number where nobody knows"""
        self._looked_at: set[datetime] = set()
        self._told: dict[_Place, int] = {}

    def run_once(self) -> int:
        """Look for some seconds; return 1 if there is more to look at, else 0."""
        leave_at = self._clock() + BUDGET_SECONDS
        # In the order in which a push goes on: what has moved on meanwhile is seen at its next place.
        acknowledged = self._acknowledged(datetime.now(UTC))
        until = self._nothing_is_pending_before(self._nothing_waits_before()) - GRACE - timedelta(hours=1)
        since = self._database.run(_known_since)
        over = {at: count for at, count in acknowledged.items() if since <= at[0] and at[0] < until}
        self._forget_before(min((hour for hour, _ in over), default=until))
        for hour in sorted(_hours_of(self._missing(over)) - self._looked_at):
            if self._clock() >= leave_at:
                return 1
            self._count(COUNT_SOON_SETTLED, [hour])
            self._looked_at.add(hour)
        if hours := _hours_of(self._missing(over)):
            self._count(COUNT_SETTLED, sorted(hours))
        self._note(self._missing(over))
        return 0

    def _acknowledged(self, now: datetime) -> dict[_Place, int]:
        this_hour = now.replace(minute=0, second=0, microsecond=0)
        hours = [this_hour - timedelta(hours=back) for back in range(1, HOURS + 1)]
        with self._client.pipeline(transaction=False) as pipeline:
            for hour in hours:
                pipeline.hgetall(keys.acknowledged(hour_name(hour)))
            answers: list[dict[Any, Any]] = pipeline.execute()
        return {
            (hour, source.decode()): int(count)
            for hour, counts in zip(hours, answers, strict=True)
            for source, count in counts.items()
        }

    def _nothing_waits_before(self) -> datetime:
        """The time at which the oldest batch was opened, by the clock that its pushes have their hours of; or now."""
        opened_at, now = oldest_opened_at(self._client), datetime.now(UTC)
        return now if opened_at is None else min(now, datetime.fromtimestamp(opened_at, UTC))

    def _nothing_is_pending_before(self, until: datetime) -> datetime:
        """The time at which the oldest pending push came, if that is before a time."""
        for block in self._database.run(find_blocks):
            if oldest := self._database.run(partial(_oldest_pending, block=block)):
                return min(until, *oldest)
        return until

    def _missing(self, acknowledged: dict[_Place, int]) -> dict[_Place, int]:
        counts = {at: count - self._settled.get(at, 0) for at, count in acknowledged.items()}
        return {at: int(count) for at, count in counts.items() if count > 0}

    def _count(self, statement: LiteralString, hours: list[datetime]) -> None:
        where = {"hours": hours, "hour": hours[0]}
        rows = self._database.run(lambda connection: connection.execute(statement, where).fetchall())
        for hour, source, count, is_unknown in rows:
            self._settled[hour, source] = inf if is_unknown else count

    def _forget_before(self, hour: datetime) -> None:
        self._settled = {at: count for at, count in self._settled.items() if at[0] >= hour}
        self._looked_at = {one for one in self._looked_at if one >= hour}

    def _note(self, missing: dict[_Place, int]) -> None:
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.delete(keys.MISSING)
            if missing:
                fields: dict[Any, Any] = {
                    keys.missing_field(hour_name(hour), source): count for (hour, source), count in missing.items()
                }
                pipeline.hset(keys.MISSING, mapping=fields)
                pipeline.expire(keys.MISSING, KEPT_SECONDS)
            pipeline.execute()
        self._tell(missing)

    def _tell(self, missing: dict[_Place, int]) -> None:
        """Log what is news."""
        news = Counter[str]()
        for (_, source), count in missing.items() - self._told.items():
            news[source] += count
        for source, count in sorted(news.items()):
            _log.error("%d pushes of %s were acknowledged and are nowhere", count, source)
        self._told = missing


def _oldest_pending(connection: AnyConnection, block: Block) -> list[datetime]:
    return [received_at for (received_at,) in connection.execute(FIND_OLDEST_PENDING, block._asdict())]


def _known_since(connection: AnyConnection) -> datetime:
    """From when on hours are known."""
    begun = [applied_at for (applied_at,) in connection.execute(FIND_BEGIN)]
    return max(begun, default=datetime.min.replace(tzinfo=UTC))


def _hours_of(places: Collection[_Place]) -> set[datetime]:
    return {hour for hour, _ in places}
