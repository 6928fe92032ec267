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
from workers.sweeper.chore import Chore, Guard
from workers.sweeper.drift import chore as drift
from workers.sweeper.drift.chore import FieldSamples
from workers.sweeper.history import hours
from workers.sweeper.history.hours import Hours
from workers.sweeper.old_pushes import OldPushes
from workers.sweeper.old_settlements import OldSettlements
from workers.sweeper.old_transcripts import OldTranscripts
from workers.sweeper.silences import Silences

Rows = Connection[dict[str, Any]]
HostClock = Callable[[timedelta], None]

CHORES = ["old pushes", "old transcripts", "old settlements", "silences", "old history", "samples of fields"]
OLD_FIELD = """
INSERT INTO airudder.drift (source, kind, workflow_id, path, came_as, samples, last_sample, first_seen, last_seen)
SELECT 'shop', 'custom-api', '', 'call', 'object', 1, 1, at, at FROM (SELECT now() - %s) AS old (at)
"""


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
    """A push, its call with a transcript, the log of it, a silence, an hour and a field, all of this age."""
    settle(database, [entry(push(), later_us=-round(age.total_seconds() * 1e6))])
    connection.execute("UPDATE airudder.calls SET started_at = now() - %s", [age])
    connection.execute("UPDATE airudder.settlements SET settled_at = now() - %s", [age])
    connection.execute("INSERT INTO airudder.silences VALUES ('shop', now() - %s, 7)", [age])
    connection.execute("INSERT INTO airudder.history (begun_at, minutes) VALUES (now() - %s, 60)", [age])
    connection.execute(OLD_FIELD, [age])
    client.hset(keys.LAST_PUSH, "shop", datetime.now().timestamp())  # noqa: DTZ005


def sweep(client: Any, database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """A pass of every chore that removes what is older than so many days."""
    for module in (old_settlements, silences, hours):
        monkeypatch.setattr(module, "DAYS", days)
    monkeypatch.setattr(drift, "KEPT_DAYS", days)
    chores: list[Chore] = [OldPushes(database, clock, days), OldTranscripts(database, clock, days)]
    chores += [OldSettlements(database, clock), Silences(client, database, clock)]
    for chore in (*chores, Hours(database, clock), FieldSamples(client, database)):
        Guard(chore, clock).run_if_due()


def kept(connection: Rows) -> tuple[int, ...]:
    """How many pushes, transcripts, rows of the log, silences, hours and fields of that age there are."""
    learnt = [row for row in rows(connection, "silences") if row["seconds"] == 7]
    told = [len(rows(connection, name)) for name in ("call_turns", "settlements", "history", "drift")]
    return outcomes(connection).get("normalised", 0), len(learnt), *told


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
    assert [one.split(" wait:")[0] for one in told] == CHORES
    assert {one.levelno for one in caplog.records if one.message in told} == {logging.WARNING}

    host_clock(timedelta())
    sweep(client, database, clock, monkeypatch, 30)
    assert kept(connection) == (0,) * 6


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
    assert kept(connection) == (0,) * 6
