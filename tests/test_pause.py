"""`ingest pause` and `resume`: workers take nothing meanwhile, and web goes on acknowledging."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from psycopg import Connection
from redis import Redis

import workers.sweeper.pending
from ingest.batch import keys
from ingest.batch.clients import patient_client
from ingest.batch.entry import Entry
from ingest.batch.pause import SUSPENDED, Pause, find_pause, pause, resume
from tests.batches import enqueued, nothing_in_flight
from tests.clock import Clock
from tests.processes import ingest, running, running_web, wait_until
from tests.pushes import entry, push
from tests.stored import statuses, store_pending
from workers.attempts import Attempt
from workers.database import Database
from workers.settle import settle
from workers.sweeper.loop import Sweeper
from workers.sweeper.lost_batches import GRACE_SECONDS
from workers.sweeper.pauses import PauseInMind

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")


def states(client: Any) -> list[bytes]:
    """What the workers do, by RQ's words."""
    return [client.hget(key, "state") for key in client.smembers("rq:workers")]


def test_paused_workers_take_nothing(client: Any, connection: Rows, database_url: str, redis_url: str) -> None:
    """Not even one batch each that waits for the next; pushes are acknowledged, and settled after the resume."""
    with running("worker", WORKERS="2"), running_web(DATABASE_URL=database_url, REDIS_URL=redis_url) as url:
        wait_until(lambda: states(client) == [b"idle"] * 2, "two workers wait")
        assert ingest("pause", "--reason", "a migration of ours").returncode == 0
        assert httpx.post(f"{url}/airudder/custom-api", json=push("c1")).status_code == 200
        enqueued(client, [entry(push("c2"))])
        wait_until(lambda: b"suspended" in states(client), "a worker has seen a batch, and put it back")
        wait_until(lambda: client.llen("rq:queue:normalise") == 2, "both are in the queue again")
        assert (statuses(connection), client.zcard(keys.BATCHES)) == ([], 2)
        ready = httpx.get(f"{url}/readyz")
        assert (ready.status_code, ready.json()["pushes"]) == (
            200,
            "are stored in Redis, and wait there while workers are paused",
        )

        resumed = ingest("resume")
        wait_until(lambda: nothing_in_flight(client), "both batches are settled")

    assert resumed.stdout.startswith("resumed; before, workers are paused by ")
    assert statuses(connection) == ["normalised"] * 2


def test_pause_waits_for_the_batch_in_hand(client: Any, connection: Rows) -> None:
    """A worker in the middle of a batch finishes it, and `pause` returns when it has."""
    with Connection.connect(os.environ["DATABASE_URL"]) as blocker, running("worker", WORKERS="1"):
        blocker.execute("LOCK TABLE airudder.pushes IN ACCESS EXCLUSIVE MODE")
        enqueued(client, [entry(push("c1"))])
        wait_until(lambda: client.exists(keys.taken("b1")), "the batch is taken")
        with running("pause", "--reason", "x") as pausing:
            wait_until(lambda: client.exists(SUSPENDED), "the pause has begun")
            assert pausing.poll() is None
            blocker.rollback()
            assert pausing.wait(60) == 0
        assert statuses(connection) == ["normalised"]


def test_pause_ends_by_itself(client: Any, connection: Rows) -> None:
    """After its time workers go on, without anybody."""
    with running("worker", WORKERS="1"):
        wait_until(lambda: states(client) == [b"idle"], "a worker waits")
        assert "until" in ingest("pause", "--for", "5m", "--reason", "x").stdout
        enqueued(client, [entry(push("c1"))])
        wait_until(lambda: states(client) == [b"suspended"], "the worker has seen the pause")
        for key in (keys.PAUSE, SUSPENDED):
            assert 0 < client.pttl(key) <= 300_000
            client.pexpire(key, 1)  # the five minutes are over
        wait_until(lambda: nothing_in_flight(client), "the batch is settled")

    assert find_pause(client) is None
    assert statuses(connection) == ["normalised"]


def test_sweeper_settles_nothing(sweeper: Sweeper, client: Any, clock: Clock, connection: Rows) -> None:
    """Pending pushes wait as well, and a batch that waits in the queue is not taken for lost."""
    store_pending(connection, entry(push("c1")))
    enqueued(client, [entry(push("c2"))])
    pause(client, Pause("me", datetime.now(UTC), "x"))
    for _ in range(3):
        assert sweeper.run_once() == 0
        clock.now += GRACE_SECONDS

    assert (statuses(connection), client.llen("rq:queue:normalise")) == (["pending"], 1)
    resume(client)
    sweeper.run_once()
    assert statuses(connection) == ["normalised"]


def test_pause_is_kept_in_mind(client: Any, database: Database, clock: Clock) -> None:
    """While Redis is away a pause that was seen lasts to its end, or until Redis says something else."""
    mind = PauseInMind(client, database, clock)
    assert not mind.lasts()
    pause(client, Pause("me", None, "x", datetime.now(UTC) + timedelta(hours=1)))
    clock.now = datetime.now(UTC).timestamp()
    assert mind.lasts()
    mind._client = Redis.from_url("redis://127.0.0.1:1/0")
    assert mind.lasts()
    clock.now += 3700
    assert not mind.lasts()


def test_redis_says_whether_a_pause_lasts(client: Any, database: Database, clock: Clock) -> None:
    """Its end is not judged by this host's clock, which may be ahead: workers go by Redis as well."""
    pause(client, Pause("me", None, "x", datetime.now(UTC) + timedelta(hours=1)))
    clock.now = datetime.now(UTC).timestamp() + 7200

    assert PauseInMind(client, database, clock).lasts()


def test_redis_that_is_away_is_not_asked_again(database: Database) -> None:
    """A question to a frozen Redis takes seconds, and would hold up every portion of the pushes that came meanwhile."""
    mind = PauseInMind(Redis.from_url("redis://127.0.0.1:1/0"), database)
    assert not mind.lasts()
    mind._client = None  # type: ignore[assignment]
    assert not mind.has_begun()


def test_pause_begins_within_a_portion(
    sweeper: Sweeper, client: Any, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweeper that is amid many pending pushes settles those in hand, and no more."""

    def settle_and_pause(database: Database, entries: Sequence[Entry], attempt: Attempt) -> None:
        settle(database, entries, attempt)
        pause(client, Pause("me"))

    monkeypatch.setattr(workers.sweeper.pending, "LIMIT", 2)
    monkeypatch.setattr(workers.sweeper.pending, "settle", settle_and_pause)
    for number in range(4):
        store_pending(connection, entry(push(f"c{number}")))

    sweeper.run_once()

    assert statuses(connection) == ["normalised"] * 2 + ["pending"] * 2


@pytest.mark.parametrize(
    ("words", "hours_ago", "is_paused"),
    [
        ([["pause", "--for", "2h"]], 1, True),
        ([["pause", "--for", "2h"]], 3, False),
        ([["pause"]], 23, True),
        ([["pause"]], 25, False),
        ([["pause"], ["resume"]], 0, False),
        ([["resume"], ["pause"]], 0, True),
        ([], 0, False),
    ],
    ids=["lasts", "is over", "has no end", "was forgotten", "was ended", "was begun again", "never was"],
)
def test_pause_is_known_from_postgres(
    database: Database, clock: Clock, connection: Rows, words: list[list[str]], hours_ago: int, is_paused: bool
) -> None:
    """A sweeper that begins while Redis is away settles nothing in a pause that was recorded and lasts."""
    for command in words:
        reason = ["--reason", "x"] if command[0] == "pause" else []
        assert ingest(*command, *reason).returncode == 0
    connection.execute("UPDATE airudder.actions SET at = at - make_interval(hours => %s)", [hours_ago])
    store_pending(connection, entry(push("c1")))

    Sweeper(patient_client("redis://127.0.0.1:1/0"), database, clock).run_once()

    assert statuses(connection) == ["pending" if is_paused else "normalised"]


def test_pause_is_told() -> None:
    """`doctor` says who paused the workers, since when, until when and why."""
    ingest("pause", "--for", "2h", "--reason", "an index of ours")

    said = ingest("doctor").stdout

    (line,) = (line for line in said.splitlines() if "paused" in line)
    assert line.startswith("note    workers are paused by ")
    assert all(words in line for words in (" since ", " until ", "(an index of ours)", "`ingest resume`"))


def test_pause_is_recorded(client: Any, connection: Rows) -> None:
    """Who paused, for how long and why, and who ended it; a resume without a pause is no action."""
    ingest("resume")
    for words in (["pause", "--for", "2h", "--reason", "an index of ours"], ["resume"]):
        assert ingest(*words, INGEST_OPERATOR="ana").returncode == 0

    actions = connection.execute("SELECT operator, command, filter, reason FROM airudder.actions ORDER BY action_id")
    assert actions.fetchall() == [
        {"operator": "ana", "command": "pause", "filter": {"seconds": 7200.0}, "reason": "an index of ours"},
        {"operator": "ana", "command": "resume", "filter": {}, "reason": None},
    ]


def test_pause_without_postgres(client: Any) -> None:
    """It is for migrations, and begins whether it can be recorded or not."""
    result = ingest("pause", "--reason", "x", DATABASE_URL="postgresql://127.0.0.1:1/none")

    assert (result.returncode, find_pause(client) is not None) == (0, True)
    assert "this is not recorded in airudder.actions: cannot connect" in result.stderr


def test_pause_of_rq_itself_is_one(client: Any) -> None:
    """Workers that RQ's own command has suspended are paused, though nobody knows by whom."""
    client.set(SUSPENDED, 1)

    assert find_pause(client) == Pause()
    assert ingest("resume").stdout == "resumed; before, workers are paused\n"
    assert find_pause(client) is None


@pytest.mark.parametrize("lasts", ["30", "0m", "m", "1w", "-1h"])
def test_other_durations_are_refused(client: Any, lasts: str) -> None:
    """A time without a unit would be a pause of another length than was meant."""
    result = ingest("pause", "--reason", "x", "--for", lasts)

    assert (result.returncode, find_pause(client)) == (2, None)
