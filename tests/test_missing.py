"""Missing pushes: acknowledged, without an outcome, and nowhere. Whatever else becomes of pushes is no alarm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from ingest import settings
from ingest.batch import keys
from ingest.batch.entry import Entry
from ops import in_flight
from ops.metrics.exporter import Exporter
from ops.migrations.files import read_migrations
from ops.problems.find import find_problems
from ops.status.gather import gather
from tests.batches import acknowledge, batch_ids
from tests.clock import Clock
from tests.processes import ingest
from tests.pushes import entry, push, received_at
from tests.scraped import scrape
from tests.servers import redis_set_to
from tests.settled import assert_outcomes_logged
from workers.database import Database
from workers.jobs import normalise_batch
from workers.sweeper.full_redis import FullRedis
from workers.sweeper.loop import Sweeper
from workers.sweeper.missing import FIND_BEGIN, HOURS, MissingPushes

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")

HOUR_US = 3600 * 1_000_000
NOBODY = "redis://127.0.0.1:1/0"


def ago(hours: int, *bodies: Any, source: str = "shop") -> list[Entry]:
    """Pushes that came so many hours before this one."""
    return [received_at(one := entry(body, source), one.received_us - hours * HOUR_US) for body in bodies]


def pushes(count: int = 3) -> list[dict[str, Any]]:
    """Bodies of that many calls."""
    return [push(f"c{number}") for number in range(count)]


@pytest.fixture
def keep(redis_url: str, database_url: str, client: Any) -> Callable[..., list[str]]:
    """Store pushes as web does, in batches that were opened when the first of them came."""

    def kept(entries: list[Entry], redis_url: str = redis_url) -> list[str]:
        before = set(batch_ids(client))
        acknowledge(redis_url, database_url, entries)
        new = [one for one in batch_ids(client) if one not in before]
        for batch_id in new:
            client.zadd(keys.BATCHES, {batch_id: entries[0].received_us / 1e6})
        return new

    return kept


@pytest.fixture
def look(client: Any, database: Database, clock: Clock) -> Callable[[], dict[str, int]]:
    """Look, as a sweeper does that has just begun, and again as it goes on; how many are missing by source."""

    def looked() -> dict[str, int]:
        chore, found = MissingPushes(client, database, clock), []
        for _ in range(2):
            assert chore.run_once() == 0
            missing = in_flight.missing(client)
            found.append({source: count for (_, source), count in missing.items()})
        assert found[0] == found[1]
        return found[0]

    return looked


def settle_all(client: Any, database: Database) -> None:
    """What workers and sweeper do."""
    for batch_id in batch_ids(client):
        normalise_batch(client, database, batch_id)
    Sweeper(client, database).run_once()


Keep = Callable[..., list[str]]
Look = Callable[[], dict[str, int]]


@pytest.mark.parametrize("hours", [1, 5, HOURS - 1])
def test_lost_batch_is_missing(client: Any, database: Database, keep: Keep, look: Look, hours: int) -> None:
    """Pushes of a batch that is nowhere are missing, of their source and hour; those beside them are not."""
    keep(ago(hours, *pushes()))
    settle_all(client, database)
    keep(ago(hours, *pushes(2)))
    (lost,) = keep(ago(hours, push("c9"), source="other"))
    client.delete(keys.batch(lost))
    client.zrem(keys.BATCHES, lost)
    settle_all(client, database)

    # The last hour may have ended a moment ago.
    assert look() in ({"other": 1}, {"other": 1} if hours > 1 else {})


def test_hour_that_is_too_long_ago(client: Any, keep: Keep, look: Look) -> None:
    """For three days they are told."""
    (lost,) = keep(ago(HOURS + 1, push()))
    client.delete(keys.batch(lost))
    client.zrem(keys.BATCHES, lost)

    assert look() == {}


def test_missing_pushes_are_told(client: Any, keep: Keep, look: Look) -> None:
    """By metrics and as a problem, until somebody takes them out of Redis's count."""
    first, second = ago(5, *pushes(2)), ago(4, push("c9"))
    keep(first)
    keep(second)
    client.delete(keys.BATCHES, *map(keys.batch, batch_ids(client)))
    client.hset(keys.LAST_PUSH, mapping={"shop": 1, "other": 1})
    look()

    (problem,) = (one for one in find_problems(gather(settings.load())) if one.name.startswith("missing"))
    seen = Exporter(settings.load())
    seen.read()
    assert (problem.name, problem.what[:16], problem.needs_a_person) == ("missing shop", "3 pushes of shop", True)
    assert problem.since == first[0].received_at.replace(minute=0, second=0, microsecond=0)
    assert scrape(seen).of("ingest_pushes_missing", source="shop") == 3
    assert scrape(seen).of("ingest_pushes_missing", source="other") == 0

    for one, count in ((first[0], -2), (second[0], -1)):
        assert ingest("redis-cli", "HINCRBY", keys.acknowledged(one.hour), "shop", str(count)).returncode == 0
    assert look() == {}
    assert not [one for one in find_problems(gather(settings.load())) if one.name.startswith("missing")]


def test_what_waits_is_not_missing(client: Any, database: Database, keep: Keep, look: Look) -> None:
    """Neither in a batch, however old, nor as pending, nor what came after it; nor once it is settled."""
    keep(ago(5, *pushes()))
    assert look() == {}
    move_all(client, database)
    assert (batch_ids(client), look()) == ([], {})
    settle_all(client, database)
    assert look() == {}


def move_all(client: Any, database: Database) -> None:
    """What a sweeper does first in a full Redis: batches become pending pushes."""
    with redis_set_to(client, maxmemory="1"):
        assert FullRedis(client, database, Clock()).run_once()


def test_this_hour_is_not_over(client: Any, keep: Keep, look: Look) -> None:
    """Of the hour that lasts nothing is said."""
    keep(ago(0, push()))
    client.delete(keys.BATCHES)

    assert look() == {}


def test_both_stores_have_them(client: Any, database: Database, keep: Keep, look: Look) -> None:
    """Pushes whose confirmation by Redis was lost, so that web stored them in Postgres as well: settled from either
    side first, or moved from a full Redis after that."""
    for order in range(3):
        both = ago(5 + order, *pushes())
        batches = keep(both)
        keep(both, NOBODY)
        if order == 1:
            settle_all(client, database)
        else:
            Sweeper(client, database).run_once()
        if order == 2:
            move_all(client, database)
        for batch_id in batches:
            normalise_batch(client, database, batch_id)

        assert look() == {}


def test_other_fates(client: Any, database: Database, connection: Rows, keep: Keep, look: Look) -> None:
    """Retries, dead letters, those that web stored by itself, a replay, a discard and an erasure, also of what is in
    flight, are accounted for."""
    erased = "+6281298765432"
    keep([*ago(5, *pushes(), *pushes(), b"[]", b"[1]", push("c7", erased)), *ago(5, push("c1"), source="other")])
    keep(ago(5, push("c8")), NOBODY)
    settle_all(client, database)
    (waits,) = keep(ago(5, push("c9", erased), push("c10")))
    assert ingest("replay", "--status", "normalised", "--status", "dead", "--no-wait").returncode == 0
    Sweeper(client, database).run_once()
    assert ingest("dead", "discard", "--all", "--reason", "why").returncode == 0
    assert ingest("erase", "--callee-number", erased).returncode == 0
    normalise_batch(client, database, waits)

    assert look() == {}
    assert_outcomes_logged(connection)
    counted = connection.execute("SELECT status, count(*) AS pushes FROM airudder.pushes GROUP BY 1").fetchall()
    assert {row["status"] for row in counted} == {"normalised", "duplicate", "discarded", "erased"}


def test_redis_that_lost_its_counts(client: Any, database: Database, keep: Keep, look: Look) -> None:
    """A Redis that was emptied, or is an older one again, counts too few: nothing is missing for that."""
    keep(ago(5, *pushes()))
    settle_all(client, database)
    client.flushdb()
    keep(ago(5, push("c9")))
    settle_all(client, database)

    assert look() == {}


def test_older_release_is_not_judged(client: Any, database: Database, connection: Rows, keep: Keep, look: Look) -> None:
    """Hours in which a worker of an older release settled, or that began before the migration, are left out."""
    keep(ago(5, *pushes()))
    settle_all(client, database)
    connection.execute("UPDATE airudder.settlements SET through_redis = NULL")
    assert look() == {}

    (lost,) = keep(ago(7, *pushes()))
    client.delete(keys.batch(lost), keys.BATCHES)
    with migrated_at(connection, timedelta(hours=6)):
        assert look() == {}
    assert look() == {"shop": 3}


@contextmanager
def migrated_at(connection: Rows, ago: timedelta) -> Iterator[None]:
    """A database whose tables were older until then."""
    (migration,) = (one for one in read_migrations() if one.name in FIND_BEGIN)
    row = "INSERT INTO airudder.migrations (number, name, steps_applied, applied_at) VALUES (%s, %s, %s, %s)"
    remove = "DELETE FROM airudder.migrations WHERE number = %s RETURNING *"
    before = connection.execute(remove, [migration.number]).fetchall()
    connection.execute(row, [migration.number, migration.name, 1, datetime.now(UTC) - ago])
    try:
        yield
    finally:
        connection.execute(remove, [migration.number])
        for one in before:
            connection.execute(row, list(one.values()))


def test_much_to_look_at_is_looked_at_bit_by_bit(client: Any, database: Database, clock: Clock, keep: Keep) -> None:
    """A sweeper that begins looks at three days of log for some seconds, and then others have their turn."""
    for hours in (3, 5, 7):
        keep(ago(hours, push(f"c{hours}")))
    settle_all(client, database)

    def passing() -> float:
        clock.now += 3
        return clock.now

    chore = MissingPushes(client, database, passing)

    assert [chore.run_once() for _ in range(3)] == [1, 1, 0]
