"""Retention by two clocks, the sweeper's and Postgres's: one of them that is wrong removes nothing that is young."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from typing import Any

import pytest
from psycopg import Connection

from ingest.batch import keys
from tests.clock import Clock
from tests.pushes import entry, push
from tests.stored import outcomes, rows
from workers.database import Database
from workers.settle import settle
from workers.sweeper import old_settlements, silences
from workers.sweeper.chore import Guard
from workers.sweeper.old_pushes import OldPushes
from workers.sweeper.old_settlements import OldSettlements
from workers.sweeper.old_transcripts import OldTranscripts
from workers.sweeper.silences import Silences

Rows = Connection[dict[str, Any]]
HostClock = Callable[[timedelta], None]

DAY_US = 24 * 3600 * 1_000_000


@pytest.fixture
def host_clock(monkeypatch: pytest.MonkeyPatch) -> HostClock:
    """Lets the sweeper's host be ahead of Postgres."""

    def be_ahead(ahead: timedelta) -> None:
        class HostTime(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
                return datetime.now(tz) + ahead

        for module in ("retention", "old_pushes", "old_transcripts", "silences"):
            monkeypatch.setattr(f"workers.sweeper.{module}.datetime", HostTime)

    return be_ahead


def store(client: Any, database: Database, connection: Rows, age: timedelta) -> None:
    """A push, its call with a transcript, the log of it and a silence, all of this age."""
    settle(database, [entry(push(), later_us=-round(age.total_seconds() * 1e6))])
    connection.execute("UPDATE airudder.calls SET started_at = now() - %s", [age])
    connection.execute("UPDATE airudder.settlements SET settled_at = now() - %s", [age])
    connection.execute("INSERT INTO airudder.silences VALUES ('shop', now() - %s, 7)", [age])
    client.hset(keys.LAST_PUSH, "shop", datetime.now().timestamp())  # noqa: DTZ005


def sweep(client: Any, database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """A pass of every chore that removes what is older than so many days."""
    for module in (old_settlements, silences):
        monkeypatch.setattr(module, "DAYS", days)
    chores = [OldPushes(database, clock, days), OldTranscripts(database, clock, days)]
    for chore in (*chores, OldSettlements(database, clock), Silences(client, database, clock)):
        Guard(chore, clock).run_if_due()


def kept(connection: Rows) -> tuple[int, int, int, int]:
    """How many pushes, transcripts, rows of the log and silences of that age there are."""
    learnt = [row for row in rows(connection, "silences") if row["seconds"] == 7]
    turns, logged = rows(connection, "call_turns"), rows(connection, "settlements")
    return outcomes(connection).get("normalised", 0), len(turns), len(logged), len(learnt)


@pytest.mark.parametrize("ahead", [timedelta(days=60), timedelta(days=-60), timedelta(hours=-2)], ids=str)
def test_clocks_far_apart_remove_nothing(
    client: Any,
    database: Database,
    connection: Rows,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    host_clock: HostClock,
    caplog: pytest.LogCaptureFixture,
    ahead: timedelta,
) -> None:
    """Each chore says once why it removes nothing; as soon as the clocks agree it goes on."""
    age = timedelta(days=400)
    store(client, database, connection, age)
    before = kept(connection)
    assert min(before) > 0
    host_clock(ahead)

    sweep(client, database, clock, monkeypatch, 30)

    assert kept(connection) == before
    told = [one.message for one in caplog.records if "over an hour apart" in one.message]
    assert [one.split(" wait:")[0] for one in told] == ["old pushes", "old transcripts", "old settlements", "silences"]
    assert {one.levelno for one in caplog.records if one.message in told} == {logging.WARNING}

    host_clock(timedelta())
    sweep(client, database, clock, monkeypatch, 30)
    assert kept(connection) == (0, 0, 0, 0)


@pytest.mark.parametrize("ahead", [timedelta(minutes=50), timedelta(minutes=-50)], ids=str)
def test_what_is_removed_is_old_by_both_clocks(
    client: Any,
    database: Database,
    connection: Rows,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    host_clock: HostClock,
    ahead: timedelta,
) -> None:
    """Of two clocks that differ by less than an hour the earlier one counts, whichever it is."""
    store(client, database, connection, timedelta(days=400) - ahead / 2)
    before = kept(connection)
    host_clock(ahead)

    sweep(client, database, clock, monkeypatch, 400)

    assert kept(connection)[1:] == before[1:], "by one of the clocks they are younger"
    sweep(client, database, clock, monkeypatch, 398)
    assert kept(connection) == (0, 0, 0, 0)
