"""The log of what was settled: whatever happens to pushes, its counts add up to their outcomes."""

from __future__ import annotations

import itertools
import os
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

import workers.sweeper.old_settlements
from ingest.batch import keys
from ingest.batch.entry import Entry
from ingest.errors import RefusedError
from tests.batches import enqueued, refusing, settle_at_once, unfit
from tests.clock import Clock
from tests.pushes import entry, push, received_at
from tests.settled import adds_up
from tests.stored import make_dead, outcomes, rows, store_pending
from workers.attempts import ATTEMPTS_TOGETHER
from workers.database import Database
from workers.jobs import normalise_batch
from workers.settle import settle
from workers.settlements import LAG_BOUNDS
from workers.sweeper.loop import Sweeper
from workers.sweeper.old_settlements import DAYS, OldSettlements

Rows = Connection[dict[str, Any]]

HOUR_US = 3600 * 1_000_000
BATCH = "01a22094-39c7-72ee-b63e-c04080819429"


def warned(call_id: str) -> Entry:
    """A push with a field that does not fit."""
    return entry(push(call_id, node_name=[1]))


@pytest.mark.usefixtures("copy_from")
def test_counts_are_the_outcomes(database: Database, connection: Rows) -> None:
    """Of a batch with every outcome, of several sources, kinds and hours, each is counted; again, nothing is."""
    first = entry(push("c1"))
    others = [entry(push("c2"), source="other"), entry(b"[]"), warned("c3"), entry(push("c1"))]
    batch = [first, *others, received_at(entry(push("c4")), first.received_us - 5 * HOUR_US)]
    for _ in range(3):
        settle(database, batch)

        assert adds_up(connection)
    assert outcomes(connection) == {"normalised": 4, "duplicate": 1, "dead": 1}
    assert len(rows(connection, "settlements")) == 3
    assert sum(row["warned"] for row in rows(connection, "settlements")) == 1


@pytest.mark.usefixtures("copy_from")
def test_late_delivery_makes_its_retry_a_duplicate(database: Database, connection: Rows) -> None:
    """A first delivery that is settled after its retry is normalised in place of it: the retry's row of the log stays,
    and another one takes its outcome back."""
    retry = entry(push("c1"))
    first = received_at(entry(push("c1")), retry.received_us - HOUR_US)
    settle(database, [retry])
    settle(database, [first, entry(push("c2"))])

    assert adds_up(connection)
    assert outcomes(connection) == {"normalised": 2, "duplicate": 1}
    taken_back = [row for row in rows(connection, "settlements") if row["normalised"] < 0]
    assert [(row["normalised"], row["duplicate"], sum(row["lag_counts"])) for row in taken_back] == [(-1, 1, 0)]


@pytest.mark.usefixtures("copy_from")
def test_bad_push_is_dead_once(database: Database, connection: Rows) -> None:
    """A batch that is settled push by push, with one that Postgres refuses, is counted push by push."""
    batch = [entry(push(f"c{number}")) for number in range(4)]
    with unfit(connection, "calls", "call_id = 'c2'"):
        for _ in range(2):
            settle(database, batch)
            assert adds_up(connection)
    assert outcomes(connection) == {"normalised": 3, "dead": 1}


@pytest.mark.usefixtures("copy_from")
def test_dead_push_that_is_read_after_all(database: Database, connection: Rows) -> None:
    """A push that an earlier attempt has buried, and this one normalises, is no longer counted as dead."""
    one = entry(push("c1"))
    with unfit(connection, "calls", "call_id = 'c1'"):
        settle(database, [one])
        assert adds_up(connection)

    settle(database, [one, entry(push("c2"))])

    assert outcomes(connection) == {"normalised": 2}
    assert adds_up(connection)


@pytest.mark.usefixtures("copy_from")
def test_nothing_is_logged_of_what_is_rolled_back(database: Database, connection: Rows) -> None:
    """The log and the rows are one transaction."""
    with refusing(connection, "calls", "true"), pytest.raises(RefusedError):
        settle(database, [entry(push("c1")), entry(push("c2"))])

    assert rows(connection, "settlements") == []


@pytest.mark.parametrize("seed", range(5))
def test_workers_at_once_count_each_push_once(database_url: str, connection: Rows, seed: int) -> None:
    """Four workers settle the same pushes, retries of each other and dead ones among them, all at once."""
    chance = random.Random(seed)
    bodies: list[Any] = [push(f"c{number}") for number in range(20)] + [b"[]", b"{}", push("c1", node_name=[1])]
    entries = [entry(chance.choice(bodies)) for _ in range(60)]
    batches = [[chance.sample(entries, chance.randrange(1, 60)) for _ in range(6)] for _ in range(4)]
    batches[0].append(entries)
    longest = max(map(len, batches))

    settle_at_once(database_url, [[*own, *[[]] * (longest - len(own))] for own in batches])

    assert adds_up(connection)
    assert sum(outcomes(connection).values()) == 60


@pytest.mark.parametrize("attempts", [0, ATTEMPTS_TOGETHER], ids=["together", "push by push"])
def test_log_says_who_and_which_attempt(client: Any, database: Database, connection: Rows, attempts: int) -> None:
    """A row leads to the batch, the worker and the attempt."""
    enqueued(client, [entry(push("c1")), entry(b"[]")], BATCH)
    client.hset(keys.progress(BATCH), "attempts", attempts)

    normalise_batch(client, database, BATCH)

    logged = rows(connection, "settlements")
    assert {(row["batch_id"], row["attempt"]) for row in logged} == {(UUID(BATCH), attempts + 1)}
    assert {row["worker"].rpartition(":")[2] for row in logged} == {str(os.getpid())}
    assert adds_up(connection)


def test_pending_pushes_have_no_batch(sweeper: Sweeper, connection: Rows) -> None:
    """What the sweeper settles is logged as well, each push that was tried before by itself."""
    store_pending(connection, entry(push("c1")))
    store_pending(connection, entry(push("c2")), attempts=2)
    store_pending(connection, entry(push("c3")), attempts=3)

    sweeper.run_once()

    assert {(row["batch_id"], row["attempt"]) for row in rows(connection, "settlements")} == {
        (None, 1),
        (None, 3),
        (None, 4),
    }
    assert outcomes(connection) == {"normalised": 2, "dead": 1}
    assert adds_up(connection)


@pytest.mark.usefixtures("copy_from")
def test_normalised_pushes_are_found_by_their_time(database: Database, connection: Rows) -> None:
    """`normalised_at` of a push is `settled_at` of its row, to the microsecond."""
    settle(database, [entry(push(f"c{number}")) for number in range(3)])

    joined = connection.execute(
        "SELECT count(*) AS pushes FROM airudder.pushes JOIN airudder.settlements ON settled_at = normalised_at"
    )
    assert joined.fetchall() == [{"pushes": 3}]


@pytest.mark.usefixtures("copy_from")
def test_lags_go_into_their_places(database: Database, connection: Rows) -> None:
    """Each lag is counted between the two bounds that it lies between, the last beyond all of them."""
    bounds = [0.0, *LAG_BOUNDS[1:], 2 * LAG_BOUNDS[-1]]
    lags = [(low + high) / 2 for low, high in itertools.pairwise(bounds)]
    # Those of less than some seconds depend on how busy the machine is.
    slow = [lag for lag in lags if lag > 100]
    now_us = entry(push()).received_us
    settle(database, [received_at(entry(push(f"c{lag}")), now_us - round(lag * 1e6)) for lag in slow])

    counts = Counter[int]()
    for row in rows(connection, "settlements"):
        counts.update({place: count for place, count in enumerate(row["lag_counts"]) if count})
    (seconds,) = connection.execute("SELECT sum(lag_seconds) AS seconds FROM airudder.settlements").fetchall()
    last = len(LAG_BOUNDS)
    assert counts == dict.fromkeys(range(last + 1 - len(slow), last + 1), 1)
    assert 0 <= seconds["seconds"] - sum(slow) < 60 * len(slow)


def test_replayed_push_waits_since_its_replay(sweeper: Sweeper, connection: Rows) -> None:
    """The lag of a push that was replayed is not the time that it was dead."""
    old = entry(push("c1"), later_us=-30 * HOUR_US)
    make_dead(connection, old)
    connection.execute(
        "UPDATE airudder.pushes SET status = 'pending', error = NULL, error_path = NULL, replayed_at = now()"
    )

    sweeper.run_once()

    (row,) = rows(connection, "settlements")
    assert row["lag_seconds"] < 60


def test_old_rows_go(database: Database, connection: Rows, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is kept for some days, and removed in small transactions."""
    monkeypatch.setattr(workers.sweeper.old_settlements, "ROWS", 2)
    settle(database, [entry(push("c1"))])
    for age in (DAYS - 1, DAYS + 1, DAYS + 2, DAYS + 3):
        connection.execute(
            "INSERT INTO airudder.settlements (settled_at, worker, attempt, source, kind, hour, normalised, duplicate, "
            "dead, warned, lag_counts, lag_seconds) "
            "SELECT now() - make_interval(days => %s), worker, attempt, source, kind, hour, normalised, duplicate, "
            "dead, warned, lag_counts, lag_seconds FROM airudder.settlements LIMIT 1",
            [age],
        )

    OldSettlements(database, clock).run_once()

    oldest = min(row["settled_at"] for row in rows(connection, "settlements"))
    assert len(rows(connection, "settlements")) == 2
    assert oldest > datetime.now(UTC) - timedelta(days=DAYS)
