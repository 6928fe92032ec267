"""History: the sweeper writes what web has counted and what was settled, each once, whatever happens meanwhile."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection
from redis import Redis
from redis.exceptions import RedisError

from ingest.batch import keys
from tests.clock import Clock
from tests.logins import Logins
from tests.pushes import entry, push
from tests.stored import rows
from workers.database import Database
from workers.settle import settle
from workers.sweeper.history.hours import DAYS, MINUTES_DAYS, Hours
from workers.sweeper.history.minutes import MINUTE, Minutes
from workers.sweeper.history.statements import LOCK_HISTORY
from workers.sweeper.loop import Sweeper

Rows = Connection[dict[str, Any]]

KEPT = keys.kept_field("shop", "custom-api", 200)
REFUSED = keys.refused_field("over the rate limit", "shop")
LOGGED = """
SELECT source || E'\\t' || kind AS field, sum(greatest(normalised, 0))::integer AS normalised,
  sum(greatest(duplicate, 0))::integer AS duplicate, sum(greatest(dead, 0))::integer AS dead
FROM airudder.settlements GROUP BY field
"""
LAG_PLACES = "SELECT sum(lag)::integer AS lags FROM airudder.settlements CROSS JOIN unnest(lag_counts) AS lag"


@pytest.fixture
def minutes(client: Any, database: Database) -> Minutes:
    """The chore, with the rights of its role."""
    return Minutes(client, database)


def counted(connection: Rows, column: str) -> dict[str, int]:
    """A column of all rows, added up by its fields."""
    total: Counter[str] = Counter()
    for row in rows(connection, "history"):
        total.update(row[column])
    return dict(total)


def settled(connection: Rows) -> dict[str, list[int]]:
    """How many pushes were normalised, duplicate and dead in all rows, by source and kind."""
    total: dict[str, list[int]] = {}
    for row in rows(connection, "history"):
        for field, outcomes in row["settled"].items():
            total[field] = [sum(pair) for pair in zip(total.get(field, [0] * 3), outcomes, strict=True)]
    return total


def adds_up(connection: Rows) -> bool:
    """Whether history says of each source and kind what the log does, with a lag for each push."""
    logged = {one["field"]: [one["normalised"], one["duplicate"], one["dead"]] for one in connection.execute(LOGGED)}
    (lags,) = connection.execute(LAG_PLACES).fetchall()
    in_history = sum(sum(row["lag_counts"]) for row in rows(connection, "history"))
    return settled(connection) == logged and in_history == (lags["lags"] or 0)


def go_back(connection: Rows, past: timedelta) -> None:
    """Let so much time go by since everything that was written and settled."""
    connection.execute("UPDATE airudder.history SET begun_at = begun_at - %s, counted_at = counted_at - %s", [past] * 2)
    connection.execute("UPDATE airudder.settlements SET settled_at = settled_at - %s", [past])


def write_all(minutes: Minutes) -> int:
    """Run until there is no more to write; how many runs that took."""
    runs = 1
    while minutes.run_once():
        runs += 1
    return runs


def test_what_was_settled_is_written_once(minutes: Minutes, database: Database, connection: Rows) -> None:
    """However often it is looked at, and also what is settled later in the same minute."""
    for number in range(3):
        one = entry(push(f"c{number}"))
        settle(database, [one, entry(b"[]", source="other"), entry(push(f"c{number}"))])
        for _ in range(2):
            minutes.run_once()
            assert adds_up(connection)
    assert settled(connection)["default\tcustom-api"] == [3, 3, 0]


def test_what_is_taken_back_stays(minutes: Minutes, database: Database, connection: Rows) -> None:
    """A retry that was settled before its first delivery was normalised, then: a minute never has less than nothing."""
    first, retry = entry(push("c1")), entry(push("c1"))
    settle(database, [retry])
    settle(database, [first])

    minutes.run_once()

    assert settled(connection) == {"default\tcustom-api": [2, 1, 0]}


def test_late_commit_is_not_missed(minutes: Minutes, database: Database, connection: Rows) -> None:
    """A transaction that began in a minute before the newest one, and has committed since."""
    minutes.run_once()
    settle(database, [entry(push("c1"))])
    connection.execute("UPDATE airudder.settlements SET settled_at = settled_at - interval '80 seconds'")

    minutes.run_once()

    assert adds_up(connection)
    newest = max(rows(connection, "history"), key=lambda row: row["begun_at"])
    assert newest["settled"] == {}


def test_counters_are_written_by_how_much_they_rise(minutes: Minutes, client: Any, connection: Rows) -> None:
    """What they showed before the first look is nobody's minute; a field that appears later counts from 0."""
    client.hset(keys.KEPT, KEPT, 1000)
    minutes.run_once()
    assert counted(connection, "kept") == {}

    for _ in range(3):
        client.hincrby(keys.KEPT, KEPT, 5)
        client.hincrby(keys.REFUSED, REFUSED, 2)
        client.hincrby(keys.KEEP_SECONDS, "3", 5)
        minutes.run_once()
        minutes.run_once()

    assert counted(connection, "kept") == {KEPT: 15}
    assert counted(connection, "refused") == {REFUSED: 6}
    assert sum(sum(row["keep_counts"]) for row in rows(connection, "history")) == 15


def newest_minute(connection: Rows) -> datetime:
    """When the newest row begins."""
    newest: datetime = max(row["begun_at"] for row in rows(connection, "history"))
    return newest


@pytest.mark.parametrize("left", [None, 990], ids=["emptied", "a little lost"])
def test_redis_that_loses_counts(minutes: Minutes, client: Any, connection: Rows, left: int | None) -> None:
    """Nothing is negative, and nothing is counted again; what rises afterwards is counted."""
    client.hset(keys.KEPT, KEPT, 1000)
    minutes.run_once()
    client.flushdb()
    if left:
        client.hset(keys.KEPT, KEPT, left)
    minutes.run_once()
    client.hincrby(keys.KEPT, KEPT, 7)
    minutes.run_once()

    assert counted(connection, "kept") == {KEPT: 7}


def test_sweepers_at_once_count_once(client: Any, logins: Logins, connection: Rows) -> None:
    """Two that work at the same time, as one of them has lost its lock: each rise is counted by one of them."""
    with closing(Database(logins.worker, patience_seconds=5)) as database:
        Minutes(client, database).run_once()

    def work() -> None:
        with closing(Database(logins.worker, patience_seconds=5)) as database:
            chore = Minutes(client, database)
            for _ in range(30):
                client.hincrby(keys.KEPT, KEPT, 1)
                chore.run_once()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with closing(Database(logins.worker, patience_seconds=5)) as database:
        Minutes(client, database).run_once()

    assert counted(connection, "kept") == {KEPT: 90}


def test_who_is_not_alone_waits_for_nobody(
    minutes: Minutes, database: Database, connection: Rows, clock: Clock
) -> None:
    """While another sweeper writes history, this one leaves it alone and goes on with its other chores."""
    add_minutes(connection, MINUTES_DAYS + 1)
    add_minutes(connection, 0)
    before = rows(connection, "history")
    with connection.transaction():
        connection.execute(LOCK_HISTORY)

        assert (minutes.run_once(), Hours(database, clock).run_once()) == (0, 0)

    assert rows(connection, "history") == before


def test_gap_is_told(minutes: Minutes, client: Any, database: Database, connection: Rows) -> None:
    """After ten minutes without a sweeper what was settled stands in its minutes, and what web counted in one row."""
    minutes.run_once()
    settle(database, [entry(push("c1"))])
    client.hincrby(keys.KEPT, KEPT, 5)
    go_back(connection, timedelta(minutes=10))
    settle(database, [entry(push("c2"))])
    connection.execute(
        "UPDATE airudder.settlements SET settled_at = settled_at - interval '5 minutes' "
        "WHERE settled_at > now() - interval '1 minute'"
    )

    assert write_all(minutes) == 1

    by_age = {newest_minute(connection) - row["begun_at"]: row for row in rows(connection, "history")}
    assert by_age.keys() >= {number * MINUTE for number in range(11)}
    assert 600 <= by_age[timedelta(0)]["seconds"] < 660
    assert by_age[timedelta(0)]["kept"] == {KEPT: 5}
    assert by_age[timedelta(0)]["settled"] == {}
    assert [age for age, row in by_age.items() if row["counters"]] == [timedelta(0)]
    assert adds_up(connection)


def test_long_absence_is_made_up_for(minutes: Minutes, database: Database, connection: Rows) -> None:
    """Portion by portion, so that other chores have their turn."""
    minutes.run_once()
    settle(database, [entry(push("c1"))])
    go_back(connection, timedelta(hours=3))
    settle(database, [entry(push("c2"))])

    assert write_all(minutes) == 4
    assert len(rows(connection, "history")) >= 181
    assert adds_up(connection)


def test_log_of_before_is_read(minutes: Minutes, database: Database, connection: Rows) -> None:
    """Where there is no history yet, as after an upgrade, it begins with the log."""
    settle(database, [entry(push("c1"))])
    go_back(connection, timedelta(hours=5))

    assert write_all(minutes) == 6
    assert adds_up(connection)


def test_clock_that_is_set_back(minutes: Minutes, client: Any, connection: Rows) -> None:
    """Minutes of a time to come are left alone, and the counters go on."""
    minutes.run_once()
    go_back(connection, timedelta(minutes=-30))
    client.hincrby(keys.KEPT, KEPT, 5)

    minutes.run_once()

    assert counted(connection, "kept") == {KEPT: 5}
    assert all(row["seconds"] >= 0 for row in rows(connection, "history"))


@pytest.mark.parametrize("is_away", [True, False], ids=["away", "what somebody put there"])
def test_redis_hinders_no_settlements(client: Any, database: Database, connection: Rows, is_away: bool) -> None:
    """What was settled is written, and the connection stays, as the sweeper's lock goes with it."""
    settle(database, [entry(push("c1"))])
    client.hset(keys.KEPT, b"\xff", "no number")
    session = database.run(backend)

    with pytest.raises((RedisError, ValueError), match="Connection refused" if is_away else "codec"):
        Minutes(Redis.from_url("redis://127.0.0.1:1/0") if is_away else client, database).run_once()

    assert adds_up(connection)
    assert database.run(backend) == session


def backend(connection: Connection[tuple[Any, ...]]) -> int:
    """Which session it is."""
    return connection.info.backend_pid


def test_sweeper_writes_it(sweeper: Sweeper, client: Any, database: Database, connection: Rows) -> None:
    """It is one of its chores, and holds up none."""
    settle(database, [entry(push("c1"))])

    assert sweeper.run_once() == 0

    assert adds_up(connection)


def add_minutes(connection: Rows, days: int) -> None:
    """Three minutes of the hour so many days ago."""
    connection.execute(
        "INSERT INTO airudder.history (begun_at, seconds, kept, refused, keep_counts, settled, lag_counts) "
        "SELECT date_trunc('hour', now()) - make_interval(days => %s) + n * interval '7 minutes', 60, "
        "jsonb_build_object('shop', n), jsonb_build_object('why', 1), ARRAY[n, 1], "
        "jsonb_build_object(CASE n WHEN 3 THEN 'other' ELSE 'shop' END, ARRAY[n, 0, 1]), ARRAY[0, n] "
        "FROM generate_series(1, 3) AS n",
        [days],
    )


def test_old_minutes_become_hours(database: Database, connection: Rows, clock: Clock, minutes: Minutes) -> None:
    """Nothing is lost or counted twice, however often it is done; newer minutes stay, and old hours go."""
    minutes.run_once()
    for days in (MINUTES_DAYS + 1, MINUTES_DAYS - 1, DAYS + 1):
        add_minutes(connection, days)

    for _ in range(2):
        assert Hours(database, clock).run_once() == 0
        stored = sorted(rows(connection, "history"), key=lambda row: row["begun_at"])
        hour, *newer = (row for row in stored if row["kept"])
        assert (hour["minutes"], hour["seconds"], hour["kept"], hour["refused"]) == (60, 180, {"shop": 6}, {"why": 3})
        assert hour["settled"] == {"shop": [3, 0, 2], "other": [3, 0, 1]}
        assert (hour["keep_counts"], hour["lag_counts"]) == ([6, 3], [0, 6])
        assert (hour["begun_at"].minute, hour["counters"]) == (0, None)
        assert [row["minutes"] for row in newer] == [1, 1, 1]


def test_minutes_of_an_unfinished_absence_stay(database: Database, connection: Rows, clock: Clock) -> None:
    """After days without a sweeper the newest minute is an old one: history goes on from it, so it becomes no hour."""
    add_minutes(connection, MINUTES_DAYS + 1)

    Hours(database, clock).run_once()

    assert [row["minutes"] for row in rows(connection, "history")] == [1, 1, 1]
