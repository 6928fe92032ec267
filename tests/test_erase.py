"""Erasing a person: gone from every table and every Redis value; nobody else is touched."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from psycopg import Connection

from ingest.batch import keys
from ingest.batch.entry import Entry, encode_entry
from ops.commands.reconcile import reconcile
from tests.batches import acknowledge, batch_ids, enqueued
from tests.erasing import assert_gone, counts, everything, exported
from tests.persons import MARK, NUMBER, OTHER, SPELT, marked
from tests.processes import ingest
from tests.pushes import entry, push
from tests.servers import redis_set_to
from tests.settled import assert_outcomes_logged
from tests.stored import make_dead, outcomes, replay_dead, store_pending
from workers.attempts import Attempt
from workers.database import Database
from workers.jobs import normalise_batch
from workers.settle import settle
from workers.sweeper.loop import Sweeper

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")


def test_person_is_nowhere_afterwards(client: Any, database: Database, connection: Rows, person: None) -> None:
    """Every trace is gone, from normalised, duplicate, dead and pending pushes, from batches and tables; what is held
    on somebody else is byte for byte what it was; and a second run finds nothing."""
    before, held = exported(), exported(NUMBER)

    erased = ingest("erase", "--callee-number", NUMBER)

    assert (erased.returncode, erased.stderr) == (0, "")
    assert_gone(connection, client)
    assert exported() == before
    printed = counts(erased.stdout)
    of_pushes = Counter(row["status"] for row in held["pushes"])
    assert {place: printed.pop(place) for place in of_pushes} == of_pushes
    assert (of_pushes["pending"], of_pushes["duplicate"], of_pushes["dead"], printed.pop("in_redis")) == (3, 1, 2, 4)
    # All that export shows is gone, and there is something of it in each table and list, whatever kinds there are.
    assert {place: count for place, count in printed.items() if place in held} == {
        place: len(rows) for place, rows in held.items() if place in printed
    }
    assert [place for place, count in printed.items() if not count] == []
    assert not any(one in erased.stdout for one in (MARK, *SPELT))
    again = ingest("erase", "--callee-number", NUMBER)
    assert (again.returncode, set(counts(again.stdout).values())) == (1, {0})
    assert "nothing found" in again.stderr

    # What is left in flight is settled as ever, and brings nobody back.
    for batch_id in batch_ids(client):
        normalise_batch(client, database, batch_id)
    Sweeper(client, database).run_once()
    assert client.zcard(keys.BATCHES) == 0
    assert_gone(connection, client)
    assert len(exported()["pushes"]) == 4
    after = outcomes(connection)
    assert (after["erased"], after["dead"]) == (len(held["pushes"]) + len(held["in_redis"]), 1)
    assert "pending" not in after


@pytest.mark.parametrize("whom", [["--callee-number", NUMBER], ["--case-id", f"case-{MARK}"]])
def test_statistics_of_calls_stay(client: Any, database: Database, connection: Rows, whom: list[str]) -> None:
    """A call without its person keeps when, how long, which attempt and how it ended, in the vendor's own words."""
    body = marked()
    body["call"] |= {"ring_type": "normal", "hangup_type": "ByCallee", "intention": "E"}
    settle(database, [entry(body)])

    assert ingest("erase", *whom).returncode == 0

    (call,) = connection.execute("SELECT * FROM airudder.calls").fetchall()
    assert call["duration"].total_seconds() == 7
    kept = ("call_id", "workflow_id", "attempt", "ring_type", "hangup_type", "intention")
    assert [call[name] for name in kept] == ["mine", "w1", 1, "normal", "ByCallee", "E"]
    gone = ("callee_number", "case_id", "slots", "multi_label", "asr_ptp", "transcript")
    assert [call[name] for name in gone] == [None] * len(gone)
    (stored,) = connection.execute("SELECT call_id, workflow_id, body FROM airudder.pushes").fetchall()
    assert stored == {"call_id": "mine", "workflow_id": "w1", "body": b""}


def test_dry_run_counts_and_changes_nothing(client: Any, connection: Rows, person: None) -> None:
    """A dry run prints what the real one will, and leaves every row and value as it is."""
    before = everything(connection, client)

    dry = ingest("erase", "--callee-number", NUMBER, "--dry-run")

    assert everything(connection, client) == before
    assert dry.stdout.startswith("would be erased")
    assert counts(dry.stdout) == counts(ingest("erase", "--callee-number", NUMBER).stdout)


def test_full_redis_is_no_hindrance(client: Any, connection: Rows, person: None) -> None:
    """A Redis at its memory limit is emptied of the person all the same."""
    with redis_set_to(client, maxmemory="1"):
        assert ingest("erase", "--callee-number", NUMBER).returncode == 0

    assert_gone(connection, client)


def test_redis_away_is_said(monkeypatch: pytest.MonkeyPatch, client: Any, connection: Rows, person: None) -> None:
    """Without Redis nothing is done, and that is said: part of the person may be there."""
    before = everything(connection, client)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")

    result = ingest("erase", "--callee-number", NUMBER)

    assert (result.returncode, set(counts(result.stdout).values())) == (1, {0})
    assert "not everything was looked at or removed: run it again" in result.stderr
    assert "Traceback" not in result.stderr
    assert everything(connection, client) == before


def test_refusal_of_redis_is_said_without_a_push(
    monkeypatch: pytest.MonkeyPatch, client: Any, redis_url: str, connection: Rows
) -> None:
    """A user of Redis's who may not remove a push gets to read no word of it."""
    enqueued(client, [entry(marked())])
    client.acl_setuser("reader", enabled=True, nopass=True, keys=["*"], categories=["+@all"], commands=["-lrem"])
    monkeypatch.setenv("REDIS_URL", re.sub("//(.*@)?", "//reader:x@", redis_url))
    try:
        result = ingest("erase", "--callee-number", NUMBER)
    finally:
        client.acl_deluser("reader")

    assert result.returncode == 1
    assert "Redis at REDIS_URL does not answer as it should: NoPermissionError\n" in result.stderr
    assert not any(one in result.stderr for one in (MARK, *SPELT))


def test_postgres_failure_is_said_without_a_row(client: Any, connection: Rows, person: None) -> None:
    """An error of Postgres in the middle leaves Postgres as it was, keeps Redis, and quotes no row. That somebody tried
    is recorded."""
    before = everything(connection, client)
    connection.execute("ALTER TABLE airudder.calls ADD CONSTRAINT fails CHECK (callee_number IS NOT NULL) NOT VALID")
    try:
        result = ingest("erase", "--callee-number", NUMBER)
    finally:
        connection.execute("ALTER TABLE airudder.calls DROP CONSTRAINT fails")

    assert (result.returncode, set(counts(result.stdout).values())) == (1, {0})
    assert "run it again" in result.stderr
    assert "CheckViolation 23514" in result.stderr
    assert not any(one in result.stderr for one in (MARK, *SPELT))
    tried = connection.execute("DELETE FROM airudder.actions RETURNING command, pushes, ended_at").fetchall()
    assert tried == [{"command": "erase", "pushes": 0, "ended_at": None}]
    assert everything(connection, client) == before


@pytest.mark.usefixtures("within_an_hour")
def test_erased_pushes_still_add_up(
    redis_url: str, database_url: str, client: Any, database: Database, connection: Rows
) -> None:
    """What was acknowledged has an outcome before and after, wherever the person was: nothing counts as lost."""
    nobody, both = "redis://127.0.0.1:1/0", entry(marked("both"))
    acknowledge(redis_url, database_url, [entry(marked()), entry(marked()), entry(push("other", OTHER))])
    normalise_batch(client, database, batch_ids(client)[0])
    acknowledge(redis_url, database_url, [both, entry(marked("open")), entry(push("other", OTHER, serial=2))])
    acknowledge(nobody, database_url, [both, entry(marked("pending"))])
    assert [hour.difference for hour in reconcile(client, connection)] == [0]

    assert ingest("erase", "--callee-number", NUMBER).returncode == 0

    (hour,) = reconcile(client, connection)
    assert (hour.acknowledged, hour.outcomes["erased"], hour.difference) == (7, 5, 0)
    normalise_batch(client, database, batch_ids(client)[0])
    (hour,) = reconcile(client, connection)
    assert (hour.outcomes["normalised"], hour.in_flight, hour.difference) == (2, 0, 0)


def test_one_source_alone(client: Any, database: Database, connection: Rows) -> None:
    """With --source nothing is touched that came with another one's token."""
    settle(database, [entry(marked(), "lender-a"), entry(marked(), "lender-b")])
    enqueued(client, [entry(marked("c2"), "lender-a"), entry(marked("c2"), "lender-b")])

    assert ingest("erase", "--callee-number", NUMBER, "--source", "lender-a").returncode == 0

    held = exported(NUMBER)
    assert {row["source"] for rows in held.values() for row in rows} == {"lender-b"}
    assert {name for name, rows in held.items() if rows} == {"callees", "cases", "calls", "pushes", "in_redis"}


def test_later_push_is_new_data(client: Any, database: Database, connection: Rows) -> None:
    """A later push about the person is normalised, be it the same bytes: docs/personal-data.md says so."""
    settle(database, [entry(marked())])
    assert ingest("erase", "--callee-number", NUMBER).returncode == 0

    settle(database, [entry(marked())])

    assert outcomes(connection) == {"erased": 1, "normalised": 1}
    assert exported(NUMBER)["calls"][0]["callee_number"] == NUMBER


def test_erased_push_is_not_replayed(client: Any, connection: Rows) -> None:
    """A dead letter that was erased stays what it is."""
    one = entry(marked())
    make_dead(connection, one)
    assert ingest("erase", "--callee-number", NUMBER).returncode == 0

    assert ingest("dead", "replay", "--all").stdout == "nothing to replay\n"
    assert ingest("dead", "replay", str(one.uuid)).returncode == 1
    assert outcomes(connection) == {"erased": 1}


def test_erasure_is_recorded_without_its_person(client: Any, database: Database, connection: Rows) -> None:
    """Who erased how many pushes is kept, but not whose; what was wrong with them is forgotten."""
    dead = entry(f'["{NUMBER}"]'.encode())
    settle(database, [dead, entry(marked("settled"))])
    enqueued(client, [entry(marked("in flight"))])

    assert ingest("erase", "--callee-number", NUMBER, INGEST_OPERATOR="budi").returncode == 0

    (action,) = connection.execute("SELECT * FROM airudder.actions").fetchall()
    assert (action["operator"], action["command"], action["pushes"]) == ("budi", "erase", 3)
    assert action["filter"] == {"by": "callee number", "source": None}
    assert action["ended_at"] >= action["at"]
    found = connection.execute("SELECT event, error, action_id FROM airudder.push_events ORDER BY event_id").fetchall()
    erased = {"event": "erased", "error": None, "action_id": action["action_id"]}
    assert found == [{"event": "died", "error": None, "action_id": None}, erased, erased, erased]


def test_log_takes_outcomes_back(client: Any, database: Database, connection: Rows) -> None:
    """The log of settlements says what became of pushes after an erasure too: of what was normalised with and without
    warnings, dead, a duplicate, pending, in flight, or in Redis and in Postgres."""
    both = [entry(marked("pending in Postgres")), entry(marked("settled from Postgres"))]
    warned = marked("warned") | {"node_name": [1]}
    settle(database, [entry(marked("mine")), entry(marked("mine")), entry(warned), entry(f'["{NUMBER}"]'.encode())])
    settle(database, [entry(push("other", OTHER)), entry(b"[]")])
    settle(database, [both[1]], Attempt(through_redis=False))
    store_pending(connection, both[0])
    store_pending(connection, entry(marked("pending")))
    enqueued(client, [*both, entry(marked("in flight"))])
    assert_outcomes_logged(connection)

    for _ in range(2):
        ingest("erase", "--callee-number", NUMBER)
        assert_outcomes_logged(connection)
    assert outcomes(connection) == {"erased": 8, "normalised": 1, "dead": 1}


def test_push_that_was_appended_twice(client: Any, connection: Rows) -> None:
    """A push that is in its batch twice, as Redis's reply was lost, leaves it altogether; its id is counted once."""
    one: Entry = entry(marked())
    enqueued(client, [one, one])

    erased = ingest("erase", "--callee-number", NUMBER)

    assert counts(erased.stdout)["in_redis"] == 1
    assert_gone(connection, client)
    assert client.lrange(keys.batch("b1"), 0, -1) == []
    assert client.rpushx(keys.batch("b1"), encode_entry(one)) == 0


@pytest.mark.parametrize("whom", [["--callee-number", NUMBER], ["--case-id", f"case-{MARK}"]])
def test_every_delivery_goes(client: Any, database: Database, connection: Rows, whom: list[str]) -> None:
    """Retries that were marked as duplicates, and a dead letter that was replayed and waits or is settled by now."""
    settle(database, [entry(marked())])
    settle(database, [entry(marked()), entry(marked())])
    for one in (entry(marked("settled")), entry(marked("waits"))):
        make_dead(connection, one)
        if b"settled" in one.body:
            replay_dead(connection)
            Sweeper(client, database).run_once()
    replay_dead(connection)
    assert outcomes(connection) == {"normalised": 2, "duplicate": 2, "pending": 1}

    assert ingest("erase", *whom).returncode == 0

    assert_gone(connection, client)
    assert outcomes(connection) == {"erased": 5}
