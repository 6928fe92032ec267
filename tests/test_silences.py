"""Silences: the sweeper learns for how long each source pauses, and the exporter says what is usual at this hour."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, tzinfo
from typing import Any

import pytest
from psycopg import Connection

from ingest import settings
from ingest.batch import keys
from ops.metrics.exporter import Exporter
from ops.problems.find import find_problems
from ops.status.gather import gather
from tests.clock import Clock
from tests.scraped import scrape
from tests.stored import rows
from workers.database import Database
from workers.sweeper import silences
from workers.sweeper.silences import DAYS, WRITE_SECONDS, Silences

Rows = Connection[dict[str, Any]]

USUAL = "ingest_source_longest_silence_seconds"


def note(connection: Rows, source: str, days_ago: float, seconds: float) -> None:
    """What was learnt so long ago."""
    connection.execute(
        "INSERT INTO airudder.silences VALUES (%s, date_trunc('hour', now() - %s * interval '1 day'), %s)",
        [source, days_ago, seconds],
    )


def usual(source: str) -> float | None:
    """The longest silence that an exporter tells of a source."""
    exporter = Exporter(settings.load())
    exporter.read()
    return scrape(exporter).of(USUAL, source=source)


def test_longest_silence_of_the_hour_is_kept(client: Any, database: Database, connection: Rows, clock: Clock) -> None:
    """Looked at every few seconds and written once a minute: the longest one, of each source."""
    chore = Silences(client, database, clock)
    for seconds in (10, 500, 20):
        client.hset(keys.LAST_PUSH, mapping={"shop": time.time() - seconds, "other": time.time() - 5})
        chore.run_once()
    clock.now += WRITE_SECONDS
    chore.run_once()

    found = {row["source"]: row["seconds"] for row in rows(connection, "silences")}
    assert 500 <= found["shop"] < 560
    assert 5 <= found["other"] < 65


def test_clock_of_the_sweepers_host_teaches_nothing(
    client: Any, database: Database, connection: Rows, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that is an hour ahead would teach an hour's silence, and keep the alarm away."""

    class HostTime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(hours=1)

    monkeypatch.setattr(silences, "datetime", HostTime)
    client.hset(keys.LAST_PUSH, "shop", time.time() - 5)
    Silences(client, database, clock).run_once()

    assert [5 <= row["seconds"] < 65 for row in rows(connection, "silences")] == [True]


def test_shorter_silence_takes_nothing_back(client: Any, database: Database, connection: Rows, clock: Clock) -> None:
    """A sweeper that begins anew in the same hour keeps what the one before has learnt."""
    for seconds in (500, 10):
        client.hset(keys.LAST_PUSH, "shop", time.time() - seconds)
        Silences(client, database, clock).run_once()

    # Two rows where the hour has ended meanwhile.
    assert max(row["seconds"] for row in rows(connection, "silences")) >= 500


def test_old_hours_are_forgotten(client: Any, database: Database, connection: Rows, clock: Clock) -> None:
    """What was learnt over eight weeks ago goes."""
    for days in (DAYS - 1, DAYS + 1):
        note(connection, "shop", days, 7)
    client.hset(keys.LAST_PUSH, "shop", time.time())

    Silences(client, database, clock).run_once()

    assert [row["seconds"] for row in rows(connection, "silences") if row["seconds"] == 7] == [7]


@pytest.mark.usefixtures("environment")
def test_usual_is_what_was_at_this_hour(connection: Rows) -> None:
    """It is the longest silence at this hour of the two weeks before this one, or an hour beside it."""
    for days, seconds in (
        (14, 900),
        (7, 300),
        (7 - 1 / 24, 1000),
        (7 - 3 / 24, 5000),
        (10, 7000),
        (0, 9000),
    ):
        note(connection, "shop", days, seconds)
    note(connection, "new", 7, 50)

    assert usual("shop") == 1000
    assert usual("new") is None


@pytest.mark.usefixtures("environment")
def test_unusual_silence_is_a_problem(client: Any, connection: Rows) -> None:
    """Who has no Prometheus sees it too: of a source that is known for two weeks, and of no other."""
    for days, source in ((14, "shop"), (7, "shop"), (7, "new")):
        note(connection, source, days, 800)
    longer = time.time() - 1300
    client.hset(keys.LAST_PUSH, mapping={"shop": longer, "new": longer})

    found = find_problems(gather(settings.load()))

    assert [one.name for one in found if one.name.startswith("silent")] == ["silent shop"]


@pytest.mark.usefixtures("environment")
def test_one_outage_is_not_usual(connection: Rows) -> None:
    """From three weeks on the longest silence is that of the second week; an outage over two hours is that of one."""
    for days, seconds in ((28, 300), (21, 400), (14, 500), (7, 22_000), (7 - 1 / 24, 25_000)):
        note(connection, "shop", days, seconds)
    for days, seconds in ((21, 22_000), (14, 22_000), (7, 100)):
        note(connection, "two outages", days, seconds)

    assert usual("shop") == 500
    assert usual("two outages") == 22_000


def test_redis_away_teaches_nothing(
    client: Any, database: Database, connection: Rows, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While Redis does not say when pushes came, no silence is learnt."""
    monkeypatch.setattr(keys, "LAST_PUSH", "a string")
    client.set("a string", "no hash")

    with pytest.raises(Exception, match="WRONGTYPE"):
        Silences(client, database, clock).run_once()

    assert rows(connection, "silences") == []
