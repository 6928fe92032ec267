"""Settling entries in a real Postgres: rows, redelivery, order, bad rows, two workers at once."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import Connection
from rq.timeouts import JobTimeoutException, UnixSignalDeathPenalty

import workers.redeliveries
import workers.settle
from ingest import tables
from ingest.batch.entry import Entry
from ingest.errors import PostgresAwayError, RefusedError
from tests.batches import refusing, settle_at_once
from tests.conftest import TABLES
from tests.processes import wait_until
from tests.pushes import IDS, call_history, entry, push, received_at
from tests.test_decode import SAMPLE
from workers.database import Database
from workers.settle import settle, settle_alone

Rows = Connection[dict[str, Any]]

ROW_TABLES = ("workflows", "nodes", "callees", "cases", "case_answers", "calls", "call_attributes", "call_turns")

DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


@pytest.fixture(autouse=True, params=[1, workers.settle.COPY_FROM], ids=["by copy", "by upserts"])
def copy_from(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches so small are upserted by themselves; what a copy leaves must be the same."""
    monkeypatch.setattr(workers.settle, "COPY_FROM", request.param)


def rows(connection: Rows, table: str) -> list[dict[str, Any]]:
    """All rows of a table, in an order of their own."""
    found = connection.execute(f"SELECT * FROM airudder.{table}").fetchall()
    return sorted(found, key=str)


def outcomes(connection: Rows) -> dict[str, int]:
    """How many pushes came to which outcome."""
    counted = connection.execute("SELECT status, count(*) AS pushes FROM airudder.pushes GROUP BY status")
    return {row["status"]: row["pushes"] for row in counted}


def settled_in(
    order: Sequence[int], deliveries: Sequence[Entry], database: Database, connection: Rows
) -> list[dict[str, Any]]:
    """What is told if these deliveries, of a source of their own, are settled one after another in this order."""
    source = f"order {order}"
    again = [
        received_at(msgspec.structs.replace(one, push_id=IDS.draw()[0], source=source), one.received_us)
        for one in deliveries
    ]
    for place in order:
        settle(database, [again[place]])
    return told(connection, again, source)


def told(connection: Rows, deliveries: Sequence[Entry], source: str) -> list[dict[str, Any]]:
    """All that is told of a source, its pushes' outcomes included, with each delivery's place for its id."""
    places = {str(one.uuid): place for place, one in enumerate(deliveries)}
    found = []
    for table in (*ROW_TABLES, "pushes"):
        for row in connection.execute(f"SELECT * FROM airudder.{table} WHERE source = %s", [source]):
            kept = {name: places[push] for name, push in (row.get("kept_from") or {}).items()}
            at = row.get("push_id") and places[str(row["push_id"])]
            ids = {"source": None, "push_id": at, "kept_from": kept, "normalised_at": bool(row.get("normalised_at"))}
            found.append({"table": table, **row, **ids})
    return sorted(found, key=str)


def everything(connection: Rows) -> dict[str, list[dict[str, Any]]]:
    """Every normalised row."""
    return {table: rows(connection, table) for table in ROW_TABLES}


def test_push_reaches_every_table(database: Database, connection: Rows) -> None:
    """One push gives one row in each table, a row a turn, and its own row leads back to the raw body."""
    one = entry(push(turns=3))
    settle(database, [one])

    assert {table: len(rows(connection, table)) for table in ROW_TABLES} == {
        **dict.fromkeys(ROW_TABLES, 1),
        "call_turns": 3,
    }
    (call,) = rows(connection, "calls")
    assert (call["push_id"], call["received_at"], call["duration"].total_seconds()) == (one.uuid, one.received_at, 7)
    (stored,) = rows(connection, "pushes")
    assert (stored["body"], stored["status"], stored["attempts"]) == (one.body, "normalised", 1)
    assert (stored["call_id"], stored["callee_number"], stored["case_id"]) == ("c1", "+6281234567890", "case-1")


def test_settling_twice_changes_nothing(database: Database, connection: Rows) -> None:
    """The same batch again, as after a crash between commit and discard, leaves every row as it was."""
    entries = [entry(push("c1")), entry(b"[]"), entry(push("c1")), entry(push("c2"))]
    settle(database, entries)
    before = everything(connection), rows(connection, "pushes")

    settle(database, entries)

    assert (everything(connection), rows(connection, "pushes")) == before
    assert outcomes(connection) == {"normalised": 2, "duplicate": 1, "dead": 1}


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "in two batches"])
def test_redelivery_is_counted_only(database: Database, connection: Rows, together: bool) -> None:
    """The same bytes again are a duplicate row and nothing else: the call is as of the first delivery."""
    first, second = entry(push()), entry(push())
    for batch in [[first, second]] if together else [[first], [second]]:
        settle(database, batch)

    assert outcomes(connection) == {"normalised": 1, "duplicate": 1}
    assert len(rows(connection, "call_turns")) == 2
    assert rows(connection, "calls")[0]["push_id"] == first.uuid


@pytest.mark.parametrize("key", ["a\\u0000b", "a\\ud800b"])
@pytest.mark.parametrize("value", ['"x\\u0000"', "1e999"])
def test_odd_key_is_stored(database: Database, connection: Rows, key: str, value: str) -> None:
    """A key that Postgres could not store, with a value that it could not either, costs nothing but warnings."""
    settle(database, [entry(f'{{"call": {{"call_id": "c1"}}, "custom_attribute": {{"{key}": {value}}}}}'.encode())])

    (stored,) = connection.execute("SELECT status, warnings FROM airudder.pushes").fetchall()
    assert stored["status"] == "normalised"
    assert {warning["path"] for warning in stored["warnings"]} == {"$.custom_attribute", "$.custom_attribute.*"}


@pytest.mark.parametrize("escape", ["", "\\u0000"], ids=["as it is", "to be cleaned"])
@pytest.mark.parametrize("depth", [100, 900, 2_000, 9_000, 50_000])
def test_deep_push_harms_nobody(database: Database, connection: Rows, depth: int, escape: str) -> None:
    """However deep a push nests, it has one outcome, and its batch-mate goes through; how deep is readable is for
    each Python version, and Postgres, to say."""
    nested = "[" * depth + f'"{escape}"' + "]" * depth
    deep = entry(f'{{"call": {{"call_id": "deep"}}, "custom_attribute": {{"a": {nested}}}}}'.encode())

    settle(database, [deep, entry(push("c1"))])

    (stored,) = connection.execute("SELECT status FROM airudder.pushes WHERE push_id = %s", [deep.uuid]).fetchall()
    assert stored["status"] in (["normalised"] if depth == 100 else ["normalised", "dead"])
    assert [call["call_id"] for call in rows(connection, "calls") if call["call_id"] != "deep"] == ["c1"]


def test_same_bytes_of_another_source(database: Database, connection: Rows) -> None:
    """Two sources that send the same bytes each have their call."""
    settle(database, [entry(push(), source="lender-a"), entry(push(), source="lender-b")])

    assert outcomes(connection) == {"normalised": 2}
    assert [call["source"] for call in rows(connection, "calls")] == ["lender-a", "lender-b"]


def test_same_bytes_after_a_day(database: Database, connection: Rows) -> None:
    """The same bytes more than a day later are a push of their own."""
    settle(database, [entry(push())])
    settle(database, [entry(push(), later_us=25 * 3600 * 1_000_000)])

    assert outcomes(connection) == {"normalised": 2}


def test_two_nodes_keep_their_attributes(database: Database, connection: Rows) -> None:
    """Two nodes that push the same call make one call, and both custom attributes stay."""
    settle(database, [entry(push(node_id="n1", custom_attribute={"a": 1}))])
    settle(database, [entry(push(node_id="n2", custom_attribute={"b": 2}))])

    assert len(rows(connection, "calls")) == 1
    attributes = {row["node_id"]: row["custom_attribute"] for row in rows(connection, "call_attributes")}
    assert attributes == {"n1": {"a": 1}, "n2": {"b": 2}}


def test_every_order_gives_same_rows(database: Database, connection: Rows) -> None:
    """Five pushes for one call leave identical rows whatever the order they are settled in: the newest wins."""
    history = call_history()
    settle(database, history)
    expected = everything(connection)
    (call,) = expected["calls"]
    assert (call["push_id"], call["ring_type"]) == (history[4].uuid, "busy")
    assert call["kept_from"].keys() == {
        *("callee_number", "case_id", "started_at", "ended_at", "attempt", "hangup_type", "transcript")
    }
    assert set(call["kept_from"].values()) == {str(history[3].uuid)}
    assert len(expected["call_turns"]) == 3
    assert [answer["question"] for answer in expected["case_answers"]] == ["lang"]
    assert expected["workflows"][0]["name"] == "last"

    for order in itertools.permutations(range(len(history))):
        assert settled_in(order, history, database, connection) == told(connection, history, "default")


@pytest.mark.parametrize("copy_from", [1], indirect=True)
def test_copied_rows_are_upserted_ones(database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every value of the vendor's own sample, and of a push with a warning, is the same by copy and by upserts."""
    entries = [entry(SAMPLE), entry(push("c2", turns=3, node_name=5)), entry(b"[]")]
    found = []
    for copy_from in (1, 99):
        connection.execute(f"TRUNCATE airudder.{TABLES}")
        monkeypatch.setattr(workers.settle, "COPY_FROM", copy_from)
        settle(database, entries)
        pushes = [{**row, "normalised_at": bool(row["normalised_at"])} for row in rows(connection, "pushes")]
        found.append({**everything(connection), "pushes": pushes})

    assert found[0] == found[1]
    assert len(found[0]["pushes"]) == 3
    assert found[0]["cases"][0]["variables"] == {"test": "xxx", "extra_a": "hello world"}


@pytest.mark.parametrize("first", range(1, 5))
def test_batch_of_new_and_known(database: Database, connection: Rows, first: int) -> None:
    """A batch of calls that are new, and of some that are there, newer and older, leaves what all at once leave."""
    history = call_history()
    others = [entry(push(f"d{number}", number=f"+62899999999{number}", turns=number)) for number in range(5)]
    pushes = [history[3], others[1], history[0], others[0], history[4], others[2], *history[1:3], *others[3:]]
    settle(database, pushes)
    expected = everything(connection)
    connection.execute(f"TRUNCATE airudder.{TABLES}")

    settle(database, pushes[:first])
    settle(database, pushes[first:])

    assert everything(connection) == expected
    assert outcomes(connection) == {"normalised": len(pushes)}


@pytest.mark.parametrize("copy_from", [1], indirect=True)
def test_bytes_that_come_meanwhile_are_known(
    database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bytes that another worker normalises after they were looked up are found after all."""
    first, again, other = entry(push("c1")), entry(push("c1")), entry(push("c2"))
    settle(database, [first])
    monkeypatch.setattr(workers.redeliveries, "_of_known_calls", lambda *_: [])

    settle(database, [again, other])

    assert outcomes(connection) == {"normalised": 2, "duplicate": 1}
    assert [call["push_id"] for call in rows(connection, "calls")] == [first.uuid, other.uuid]


def test_redelivery_without_call(database: Database, connection: Rows) -> None:
    """The same bytes again are a duplicate too where they tell of a callee and no call."""
    body = {"callee": {"callee_number": "+6281234567890"}}
    settle(database, [entry(body)])
    settle(database, [entry(body), entry(push())])

    assert outcomes(connection) == {"normalised": 2, "duplicate": 1}


def test_retry_rolls_nothing_back(database: Database, connection: Rows) -> None:
    """A node's push, another node's with news, then the first one's bytes again: the news stays."""
    one, other = push(turns=1), push(turns=2, node_id="n2", node_name="API2")
    one["callee"]["total_owing_amount"], other["callee"]["total_owing_amount"] = "100", "0"
    other["call"]["intention"] = "E"
    for body in (one, other, one):
        settle(database, [entry(body)])

    (call,), (case,) = rows(connection, "calls"), rows(connection, "cases")
    assert (call["intention"], call["turn_count"], case["total_owing_amount"]) == ("E", 2, 0)
    assert outcomes(connection) == {"normalised": 2, "duplicate": 1}


@pytest.mark.parametrize("copies", [(0, 1, 0, 1), (0, 1, 2, 0), (0, 1, 0, 2, 0)], ids=str)
def test_every_order_of_redeliveries(database: Database, connection: Rows, copies: tuple[int, ...]) -> None:
    """The vendor's retry of a push is settled before the first delivery, or after it, or between others: the rows are
    those of the first deliveries in their order, and each retry is a duplicate."""
    bodies = [
        push(turns=4, node_name="older", workflow_name="older"),
        {"workflow_id": "w1", "node_id": "n1", "callee": {"callee_number": "+6281234567890", "case_id": "case-1"}}
        | {"call": {"call_id": "c1", "intention": "B", "asr_result": [{"text": "newer"}]}},
        push(turns=0, workflow_name="newest", node_name=""),
    ]
    bodies[1]["callee"] |= {"callee_name": "Ani", "comments": "called"}
    deliveries = [entry(bodies[number]) for number in copies]
    settle(database, deliveries)
    counted = outcomes(connection)
    assert counted == {"normalised": len(set(copies)), "duplicate": len(copies) - len(set(copies))}
    normalised = connection.execute("SELECT push_id FROM airudder.pushes WHERE status = 'normalised'").fetchall()
    firsts = {deliveries[copies.index(number)].uuid for number in copies}
    assert {row["push_id"] for row in normalised} == firsts

    expected = told(connection, deliveries, "default")
    for order in itertools.permutations(range(len(deliveries))):
        assert settled_in(order, deliveries, database, connection) == expected


SILENT: dict[str, tuple[list[str], str, str]] = {
    "no callee": (["callee"], "calls", "callee_number"),
    "no case id": (["callee", "case_id"], "calls", "case_id"),
    "no name": (["callee", "callee_name"], "callees", "name"),
    "no answers": (["callee", "extra"], "cases", "answers"),
    "no due date": (["callee", "due_date"], "cases", "due_date"),
    "no workflow name": (["workflow_name"], "workflows", "name"),
    "no node name": (["node_name"], "nodes", "name"),
    "no workflow": (["workflow_id"], "calls", "workflow_id"),
    "no start": (["call", "call_start_time"], "calls", "started_at"),
    "no attempt": (["call", "call_times"], "calls", "attempt"),
    "no ring type": (["call", "ring_type"], "calls", "ring_type"),
    "no transcript": (["call", "asr_result"], "calls", "transcript"),
    "no custom attribute": (["custom_attribute"], "call_attributes", "custom_attribute"),
}


@pytest.mark.parametrize("nothing", ["absent", None, ""])
@pytest.mark.parametrize(("path", "table", "column"), SILENT.values(), ids=SILENT.keys())
def test_silence_empties_no_column(
    database: Database, connection: Rows, path: list[str], table: str, column: str, nothing: str | None
) -> None:
    """What a newer push does not say, or says is nothing, stays as an older one has told it."""
    told, silent = push(), push()
    above = silent if len(path) == 1 else silent[path[0]]
    if nothing == "absent":
        del above[path[-1]]
    else:
        above[path[-1]] = nothing
    settle(database, [entry(told)])
    (before,) = rows(connection, table)
    assert before[column] is not None

    settle(database, [entry(silent)])

    after = {row["push_id"]: row[column] for row in rows(connection, table)}
    assert before[column] in after.values()


def test_same_bytes_at_once(database_url: str, connection: Rows) -> None:
    """Of two workers that settle the same bytes at the same time one normalises them: the other has a duplicate."""
    bodies = [push(f"c{number}", number=f"+62812345{number:05}") for number in range(30)]
    firsts, retries = [entry(body) for body in bodies], [entry(body) for body in bodies]

    settle_at_once(database_url, [[[one] for one in firsts], [[one] for one in retries]])

    assert outcomes(connection) == {"normalised": 30, "duplicate": 30}
    normalised = connection.execute("SELECT push_id FROM airudder.pushes WHERE status = 'normalised'").fetchall()
    assert {row["push_id"] for row in normalised} == {one.uuid for one in firsts}
    assert {call["push_id"] for call in rows(connection, "calls")} == {one.uuid for one in firsts}


def test_origin_is_marked(database: Database, connection: Rows) -> None:
    """A push that came in a batch is marked so, also when it was stored as pending before, settled or not; one that
    is pending alone is not."""
    batched, pending, both = entry(push("c1")), entry(push("c2")), entry(push("c3"))
    settle(database, [pending, both], through_redis=False)

    settle(database, [batched, both])

    marked = connection.execute("SELECT push_id FROM airudder.pushes WHERE through_redis ORDER BY push_id").fetchall()
    assert [row["push_id"] for row in marked] == [batched.uuid, both.uuid]
    assert outcomes(connection) == {"normalised": 3}


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


@pytest.mark.parametrize("state", ["22003", "22P02", "54000"])
def test_refused_value_is_death(database: Database, connection: Rows, state: str) -> None:
    """What only the values can be at fault for is dead."""
    with refusing(connection, "callees", "NEW.name = 'cursed'", state):
        settle(database, [named("c1", "Budi"), named("c2", "cursed")])

    assert outcomes(connection) == {"normalised": 1, "dead": 1}


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


def test_postgres_away_is_waited_for(connection: Rows) -> None:
    """Without Postgres nothing is settled and nothing is dead: the caller is told after some patience."""
    database = Database("postgresql://nobody@127.0.0.1:1/none", patience_seconds=0.2)

    with pytest.raises(PostgresAwayError) as caught:
        settle(database, [entry(push())])

    assert caught.value.__cause__ is None


def test_upserts_are_planned_once(database: Database, connection: Rows) -> None:
    """A worker's session keeps the plan of each table's upsert, which costs more than to execute it, and of nothing
    else, whose plan depends on values."""
    for number in range(10):
        settle(database, [entry(push(f"c{number}"))])

    plans = "SELECT split_part(statement, ' ', 3), generic_plans > 0 FROM pg_prepared_statements"
    prepared = database.run(lambda connection: connection.execute(plans).fetchall())
    assert sorted(prepared) == sorted((f"airudder.{table.name}", True) for table in tables.TABLES)


def test_lost_connection_is_replaced(database: Database, connection: Rows) -> None:
    """A connection that the server ended is opened anew, and the batch settled."""
    settle(database, [entry(push("c1"))])
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    settle(database, [entry(push("c2"))])

    assert outcomes(connection) == {"normalised": 2}


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

    def settle_one_a_job(database: Database, one: Entry, *, through_redis: bool) -> None:
        if alone:
            raise JobTimeoutException
        alone.append(str(one.uuid))
        settle_alone(database, one, through_redis=through_redis)

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


def test_large_statements_do_not_wait_for_each_other(database: Database, connection: Rows) -> None:
    """A batch whose statements are more than a socket takes at once, while Postgres is still at the one before, is
    sent to its end."""
    bodies = [push(f"c{number}", number=f"+628123456{number:03}", turns=9000) for number in range(10)]
    for body in bodies:
        body["callee"]["extra"] = [{"Question": "q", "Content": "c"}] * 9000

    with UnixSignalDeathPenalty(30, JobTimeoutException):  # type: ignore[no-untyped-call]
        settle(database, [entry(body) for body in bodies])

    assert outcomes(connection) == {"normalised": 10}
    assert len(rows(connection, "call_turns")) == 90_000


def test_redelivery_is_found_by_its_ids(database: Database, connection: Rows) -> None:
    """A duplicate's row names its call, so that all deliveries of a call are found together."""
    settle(database, [entry(push()), entry(push())])

    found = connection.execute("SELECT status FROM airudder.pushes WHERE call_id = 'c1' ORDER BY push_id").fetchall()
    assert [row["status"] for row in found] == ["normalised", "duplicate"]


def test_missing_tables_are_no_ones_death(database_url: str, database: Database, connection: Rows) -> None:
    """Without a table, as before a migration, pushes wait instead of dying."""
    impatient = Database(database_url, patience_seconds=0)
    connection.execute("ALTER TABLE airudder.callees RENAME TO callees_gone")
    try:
        with pytest.raises(PostgresAwayError):
            settle_alone(impatient, entry(push()))
    finally:
        connection.execute("ALTER TABLE airudder.callees_gone RENAME TO callees")
        impatient.close()

    assert outcomes(connection) == {}


def test_concurrent_batches_on_same_people(database_url: str, connection: Rows) -> None:
    """Workers that settle shuffled batches about the same people, calls and workflows at once do not deadlock, and
    end with the newest of everything."""
    history = [
        entry(push(f"c{number % 7}", number=f"+62812345678{number % 5:02}", node_id=f"n{number % 3}", serial=number))
        for number in range(400)
    ]
    shuffled = random.Random(1).sample(history, len(history))
    shares = [shuffled[worker::4] for worker in range(4)]
    before = connection.execute(DEADLOCKS).fetchone()

    settle_at_once(database_url, [[share[at : at + 10] for at in range(0, len(share), 10)] for share in shares])

    assert outcomes(connection) == {"normalised": 400}
    newest = {f"c{number % 7}": one.uuid for number, one in enumerate(history)}
    assert {call["call_id"]: call["push_id"] for call in rows(connection, "calls")} == newest
    assert connection.execute(DEADLOCKS).fetchone() == before


def test_serialization_failure_is_retried(database: Database, connection: Rows) -> None:
    """A transaction that the server asks to try again is tried again."""
    attempts = []

    def work(connection: Connection[tuple[Any, ...]]) -> str:
        attempts.append(1)
        if len(attempts) == 1:
            connection.execute("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$")
        return "done"

    assert database.run(work) == "done"
    assert len(attempts) == 2


def test_data_error_is_not_retried(database: Database, connection: Rows) -> None:
    """An error in the data is raised at once, and the connection stays fit for use."""
    with pytest.raises(psycopg.errors.DivisionByZero):
        database.run(lambda connection: connection.execute("SELECT 1 / 0"))

    settle(database, [entry(push())])
    assert outcomes(connection) == {"normalised": 1}
