"""Pushes of more days than Postgres can lock at once: they are stored and settled all the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.errors import OutOfMemory

import workers.settle
from ingest import settings
from ingest.batch.entry import Entry
from ops import queries
from ops.metrics.in_postgres import read
from ops.repair.actions import begin_action
from ops.repair.replays import BEGIN_REPLAY, find_replay
from ops.status.in_postgres import look
from tests.batches import refusing
from tests.clock import DAY_SECONDS, HOUR_SECONDS, Clock
from tests.logins import make_logins
from tests.many_days import LookingAtLocks, make_days, postgres_of_few_locks
from tests.pushes import entry, push
from tests.stored import make_dead, store_pending
from workers.selection import Selection
from workers.settle import settle
from workers.sweeper import day_blocks
from workers.sweeper.chore import REST_SECONDS
from workers.sweeper.drift.chore import FieldSamples
from workers.sweeper.loop import Sweeper
from workers.sweeper.old_pushes import OldPushes

DAYS = 200
"""For the locks of so many there is no room."""
DAY_US = 24 * 3600 * 1_000_000

Rows = Connection[dict[str, Any]]


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A Postgres with pushes of many days: its owner's URL, and a worker's."""
    with (
        postgres_of_few_locks(tmp_path_factory.mktemp("many") / "days") as url,
        psycopg.connect(url, autocommit=True) as connection,
        make_logins(url) as logins,
    ):
        make_days(connection, before=1, days=DAYS)
        with pytest.raises(OutOfMemory):
            connection.execute("SELECT FROM airudder.pushes")
        yield url, logins.worker


@pytest.fixture
def old(urls: tuple[str, str]) -> Iterator[Rows]:
    """A connection to it; what other tests have left has its outcome."""
    with psycopg.connect(urls[0], autocommit=True, row_factory=psycopg.rows.dict_row) as connection:
        yield connection


@pytest.fixture
def looking(urls: tuple[str, str]) -> Iterator[LookingAtLocks]:
    """The worker's connection."""
    looking = LookingAtLocks(urls[1])
    yield looking
    looking.close()


def names(*days: int) -> set[str]:
    """Of the partitions of days, as so many after today."""
    today = datetime.now(UTC).date()
    return {f"pushes_{today + timedelta(days=day):%Y_%m_%d}" for day in days}


@pytest.mark.parametrize("day", [0, -100], ids=["today", "long ago"])
def test_batch_locks_its_own_days(looking: LookingAtLocks, copy_from: None, day: int) -> None:
    """Whatever is in a batch, also if it is settled again: those alone with which its bytes are compared."""

    def came(content: Any) -> Entry:
        return entry(content, f"{day} {workers.settle.COPY_FROM}", day * DAY_US)

    batch = [came(push("c1")), came(push("c2")), came(b"not json")]
    late, retry, other_retry = came(push("c3")), came(push("c3")), came(push("c1"))

    for outcomes in ({"normalised": 3, "duplicate": 1, "dead": 1}, {"normalised": 3, "duplicate": 1, "dead": 1}):
        assert settle(looking, [*batch, retry, other_retry]) == outcomes
        assert settle(looking, [other_retry]) == {"duplicate": 1}
    assert settle(looking, [late]) == {"normalised": 1}

    assert set().union(*looking.locked) == names(day - 1, day, day + 1)


@pytest.fixture
def sweeper(looking: LookingAtLocks, client: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Sweeper:
    """A sweeper that has just started; so many days are a block that there are several."""
    monkeypatch.setattr(day_blocks, "DAYS", 30)
    return Sweeper(client, looking, clock)


def no_more_than(locked: list[set[str]]) -> int:
    """How many partitions one transaction has locked at most."""
    return max(map(len, locked))


def test_pending_pushes_of_all_days(
    old: Rows, looking: LookingAtLocks, sweeper: Sweeper, caplog: pytest.LogCaptureFixture
) -> None:
    """Pending pushes of any day are settled, those without a partition of theirs too; every chore has its turn, and
    none locks more than a block of days."""
    days = (-2000, -199, -100, -30, 0, 400)
    came = [entry(push(f"p{day}"), "pending", day * DAY_US) for day in days]
    for one in reversed(came):
        store_pending(old, one)

    assert sweeper.run_once() >= len(days)
    assert sweeper.run_once() == 0

    assert [outcome_of(old, one) for one in came] == ["normalised"] * len(days)
    assert not [message for message in caplog.messages if " wait" in message]
    assert no_more_than(looking.locked) <= 30 + 2


def test_refused_pushes_of_all_days(
    old: Rows, looking: LookingAtLocks, sweeper: Sweeper, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """What Postgres refuses has its attempt taken back, and keeps nothing waiting, whatever day it is of."""
    came = [entry(push(f"r{day}", number="+6281200000000"), "refused", day * DAY_US) for day in (-150, 0)]
    came.append(entry(push("r"), "refused"))
    for one in came:
        store_pending(old, one)
    with refusing(old, "callees", "NEW.callee_number = '+6281200000000'"):
        sweeper.run_once()
        assert [outcome_of(old, one) for one in came] == ["pending", "pending", "normalised"]
        refused = caplog.text.count("waits")
        assert sweeper.run_once() == 0
        assert caplog.text.count("waits") == refused, "what is refused rests"
    clock.now += REST_SECONDS
    sweeper.run_once()

    assert [outcome_of(old, one) for one in came] == ["normalised"] * 3
    assert no_more_than(looking.locked) <= 30 + 2


def test_replay_of_all_days(old: Rows, looking: LookingAtLocks, sweeper: Sweeper) -> None:
    """A replay of dead letters of any day ends."""
    came = [entry(push(f"d{day}"), "dead", day * DAY_US) for day in (-2000, -180, -90, 0, 400)]
    for one in came:
        make_dead(old, one)
    filters = Selection(statuses=("dead",), source="dead", until=datetime(3000, 1, 1, tzinfo=UTC))
    with old.transaction():
        replay_id = begin_action(old, "anna", "replay", filters.as_json())
        old.execute(BEGIN_REPLAY, {"replay_id": replay_id, "total": len(came)})
    sweeper.run_once()

    assert [outcome_of(old, one) for one in came] == ["normalised"] * len(came)
    replay = find_replay(old, replay_id)
    assert replay
    assert (replay.state, replay.fed, replay.normalised) == ("ended", len(came), len(came))
    assert no_more_than(looking.locked) <= 30 + 2


def test_chores_that_know_the_days(looking: LookingAtLocks, client: Any, clock: Clock) -> None:
    """Samples are of the newest pushes and of an hour of rare ones; events go with what retention has removed."""
    settle(looking, [entry(push("rare"), "rare", -100 * DAY_US)])
    looking.locked.clear()
    samples = FieldSamples(client, looking)

    for _ in ("with samples", "with none"):
        samples.run_once()
    OldPushes(looking, clock, 10_000).run_once()

    assert set().union(*looking.locked) == {*names(*range(-1, 8), -100), "pushes_default"}


def test_totals_of_all_days(old: Rows, urls: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Status and metrics tell of pushes of all days, those without a partition too."""
    monkeypatch.setattr(day_blocks, "DAYS", 10)  # so that each statement is run more often than psycopg prepares it
    monkeypatch.setenv("DATABASE_URL", urls[0])
    came = {day: entry(push(f"t{day}"), "totals", day * DAY_US) for day in (-3000, -150, -20, 0)}
    before = look(settings.load())
    store_pending(old, came[-150])
    for day, error in ((-3000, "why"), (-20, "byte 1"), (0, "byte 2")):
        make_dead(old, came[day], error)
    with queries.connect(settings.load()) as connection:
        metrics = read(connection)
    told = look(settings.load())

    assert not told.error
    assert (told.pending - before.pending, told.dead - before.dead) == (1, 3)
    assert told.oldest_pending_seconds == pytest.approx(150 * DAY_SECONDS, abs=HOUR_SECONDS)
    assert metrics["ingest_dead_oldest_seconds"][()] == pytest.approx(3000 * DAY_SECONDS, abs=HOUR_SECONDS)
    assert told.kept["oldest_push"] == came[-3000].received_at
    causes = [(row["error"], row["pushes"], row["last_received_at"]) for row in told.dead_by_cause]
    assert ("byte #", 2, came[0].received_at) in causes
    assert ("why", 1, came[-3000].received_at) in causes


def outcome_of(connection: Rows, one: Entry) -> str:
    """A push's outcome."""
    where = (one.received_at, one.uuid)
    found = connection.execute("SELECT status FROM airudder.pushes WHERE received_at = %s AND push_id = %s", where)
    return "".join(row["status"] for row in found)
