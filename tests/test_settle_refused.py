"""What Postgres refuses or a worker cannot do: whose death it is, and who waits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from rq.timeouts import JobTimeoutException

import workers.settle
from ingest.batch.entry import Entry
from ingest.errors import RefusedError
from tests.batches import refusing, unfit
from tests.processes import wait_until
from tests.pushes import entry, push
from tests.stored import outcomes, rows
from workers.attempts import Attempt
from workers.database import Database
from workers.settle import settle, settle_alone

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("copy_from")


def test_bad_row_spares_batch_mates(database: Database, connection: Rows) -> None:
    """A push that Postgres refuses is dead, with a reason that holds none of its content; the others go through."""
    connection.execute("ALTER TABLE airudder.callees ADD CONSTRAINT refuse_cursed CHECK (name <> 'cursed')")
    cursed = push("c2", number="+6281111111111")
    cursed["callee"]["callee_name"] = "cursed"
    try:
        settle(database, [entry(push("c1")), entry(cursed), entry(push("c3", number="+6282222222222"))])
    finally:
        connection.execute("ALTER TABLE airudder.callees DROP CONSTRAINT refuse_cursed")

    assert outcomes(connection) == {"normalised": 2, "dead": 1}
    assert {call["call_id"] for call in rows(connection, "calls")} == {"c1", "c3"}
    (dead,) = connection.execute("SELECT body, error FROM airudder.pushes WHERE status = 'dead'").fetchall()
    assert json.loads(dead["body"]) == cursed
    assert "CheckViolation 23514" in dead["error"]
    assert "cursed" not in dead["error"]


def named(call_id: str, name: str) -> Entry:
    """A push about somebody of that name."""
    body = push(call_id, number=f"+62811111{call_id[1:]:0>5}")
    body["callee"]["callee_name"] = name
    return entry(body)


@pytest.mark.parametrize("state", ["23502", "23505", "23514", "0A000", "21000", "42703", "P0001", "XX000", "Z9999"])
def test_unknown_refusal_is_no_death(database: Database, connection: Rows, state: str) -> None:
    """A push that Postgres refuses for a reason that may not be its own waits, and keeps none of its mates waiting."""
    entries = [named("c1", "Budi"), named("c2", "cursed"), named("c3", "Ani")]
    with refusing(connection, "callees", "NEW.name = 'cursed'", state):
        for _ in range(2):
            with pytest.raises(RefusedError, match="pushes that wait: 1,") as caught:
                settle(database, entries)
            assert caught.value.push_ids == [entries[1].uuid]
            assert outcomes(connection) == {"normalised": 2}

    settle(database, entries)
    assert outcomes(connection) == {"normalised": 3}


@pytest.mark.parametrize("state", ["22003", "22P02", "23514", "54000"])
def test_refused_value_is_death(database: Database, connection: Rows, state: str) -> None:
    """What only the values can be at fault for is dead."""
    with unfit(connection, "callees", "name = 'cursed'", state):
        settle(database, [named("c1", "Budi"), named("c2", "cursed")])

    assert outcomes(connection) == {"normalised": 1, "dead": 1}


FAULTS = {
    "22012": "PERFORM 1 / 0",
    "22P02": "PERFORM crm.number_of('x')",
    "23514": "INSERT INTO crm.seen VALUES (0)",
    "54000": "PERFORM repeat('x', 2147483647)",
}
"""What the customer's own trigger does, by the SQLSTATE that Postgres has for it"""


@contextmanager
def trigger_of_the_customers(connection: Rows, table: str, condition: str, does: str) -> Iterator[None]:
    """A schema of the customer's with a trigger on a table of ours, which does that for some rows, in the block."""
    connection.execute(
        "CREATE SCHEMA crm; CREATE TABLE crm.seen (number integer CHECK (number > 0)); "
        "CREATE FUNCTION crm.number_of(text) RETURNS integer LANGUAGE sql VOLATILE AS 'SELECT $1::integer LIMIT 1'; "
        "CREATE FUNCTION crm.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {condition} THEN {does}; END IF; RETURN NEW; END $$; "
        f"CREATE TRIGGER note BEFORE INSERT ON airudder.{table} FOR EACH ROW EXECUTE FUNCTION crm.note(); "
        "GRANT USAGE ON SCHEMA crm TO PUBLIC; GRANT INSERT ON crm.seen TO PUBLIC"
    )
    try:
        yield
    finally:
        connection.execute("DROP SCHEMA crm CASCADE")


@pytest.mark.parametrize("fault", FAULTS.items(), ids=lambda fault: fault[0])
@pytest.mark.parametrize(
    ("table", "condition"), [("calls", "NEW.call_id = 'c2'"), ("pushes", "NEW.call_id = 'c2' AND NEW.status <> 'dead'")]
)
def test_fault_of_a_trigger_is_no_death(
    database: Database, connection: Rows, table: str, condition: str, fault: tuple[str, str]
) -> None:
    """A push waits where a trigger of the customer's own cannot deal with it, however that fails: its values are good
    for our tables."""
    state, does = fault
    with trigger_of_the_customers(connection, table, condition, does):
        with pytest.raises(RefusedError, match=f"that wait: 1, .* {state} at .*, in a function of the database"):
            settle(database, [named("c1", "Budi"), named("c2", "Ani")])
        assert outcomes(connection) == {"normalised": 1}

    settle(database, [named("c2", "Ani")])
    assert outcomes(connection) == {"normalised": 2}


def test_partition_that_comes_meanwhile(database_url: str, database: Database, connection: Rows) -> None:
    """A push that waits to be stored while the partition of its day is attached is stored in it."""
    one = entry(push(), later_us=400 * 24 * 3600 * 1_000_000)
    with ThreadPoolExecutor() as thread, psycopg.connect(database_url) as sweeper:
        sweeper.execute("SELECT airudder.ensure_pushes_partition(%s)", [one.received_at.date()])
        settled = thread.submit(settle_alone, database, one)
        waiting = "SELECT FROM pg_stat_activity WHERE wait_event = 'relation' AND application_name = 'airudder-ingest'"
        wait_until(lambda: connection.execute(waiting).fetchall(), "the worker waits")
        sweeper.commit()
        settled.result()
    try:
        assert outcomes(connection) == {"normalised": 1}
    finally:
        connection.execute(f"DROP TABLE airudder.pushes_{one.received_at:%Y_%m_%d}")


@pytest.mark.parametrize("error", [MemoryError(), OSError("too many open files")])
def test_want_of_memory_is_no_death(
    database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """A push for which the worker has no memory, or no file, waits."""

    def fail(_: Entry) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(workers.settle, "normalise", fail)
        with pytest.raises(RefusedError, match=type(error).__name__):
            settle(database, [entry(push())])
    settle(database, [entry(push())])

    assert outcomes(connection) == {"normalised": 1}


def test_refusal_of_all_is_soon_known(database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Postgres refuses whatever comes, as after half a migration, not every push of a batch is tried."""
    monkeypatch.setattr(workers.settle, "TRIALS", 3)
    with refusing(connection, "callees", "true", "42804"), pytest.raises(RefusedError, match="pushes that wait: 3,"):
        settle(database, [entry(push(f"c{number}")) for number in range(9)])

    assert outcomes(connection) == {}


def test_time_out_carries_no_content(database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """A time-out while a refused batch is settled push by push does not carry Postgres's words, which hold a row."""

    def time_out(*_: object, **__: object) -> None:
        raise JobTimeoutException

    monkeypatch.setattr(workers.settle, "settle_alone", time_out)
    connection.execute("ALTER TABLE airudder.callees ADD CONSTRAINT refuse_all CHECK (name = '')")
    try:
        with pytest.raises(JobTimeoutException) as caught:
            settle(database, [entry(push())])
    finally:
        connection.execute("ALTER TABLE airudder.callees DROP CONSTRAINT refuse_all")

    assert caught.value.__context__ is None


def test_refused_batch_goes_on_where_it_was(
    database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that is settled push by push for longer than a job may take is not begun anew by the next job."""
    entries = [entry(push("c1")), entry(push("c2")), entry(push("c3"))]
    alone: list[str] = []

    def settle_one_a_job(database: Database, one: Entry, attempt: Attempt) -> str:
        if alone:
            raise JobTimeoutException
        alone.append(str(one.uuid))
        return settle_alone(database, one, attempt)

    monkeypatch.setattr(workers.settle, "settle_alone", settle_one_a_job)
    connection.execute("ALTER TABLE airudder.calls ADD CONSTRAINT refuse_the_last CHECK (call_id <> 'c3')")
    try:
        for settled in (1, 2):
            alone.clear()
            with pytest.raises(JobTimeoutException):
                settle(database, entries)
            assert outcomes(connection) == {"normalised": settled}
        alone.clear()
        settle(database, entries)
    finally:
        connection.execute("ALTER TABLE airudder.calls DROP CONSTRAINT refuse_the_last")

    assert outcomes(connection) == {"normalised": 2, "dead": 1}


def test_missing_tables_are_no_ones_death(database_url: str, database: Database, connection: Rows) -> None:
    """Without a table, as before a migration, pushes wait instead of dying."""
    impatient = Database(database_url, patience_seconds=0)
    connection.execute("ALTER TABLE airudder.callees RENAME TO callees_gone")
    try:
        with pytest.raises(RefusedError):
            settle_alone(impatient, entry(push()))
    finally:
        connection.execute("ALTER TABLE airudder.callees_gone RENAME TO callees")
        impatient.close()

    assert outcomes(connection) == {}
