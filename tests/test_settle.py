"""Settling entries in a real Postgres: every table, in every order, two workers at once."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from psycopg import Connection

import workers.settle
from tests.alarms import job_time
from tests.batches import settle_at_once
from tests.conftest import TABLES
from tests.pushes import SAMPLE, call_history, entry, push
from tests.stored import DEADLOCKS, ROW_TABLES, outcomes, rows, settled_in, told
from workers.attempts import Attempt
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("copy_from")


def everything(connection: Rows) -> dict[str, list[dict[str, Any]]]:
    """Every normalised row."""
    return {table: rows(connection, table) for table in ROW_TABLES}


def test_push_reaches_every_table(database: Database, connection: Rows) -> None:
    """One push gives one row in each table of its kind, a row a turn, and its own row leads back to the raw body."""
    one = entry(push(turns=3))
    settle(database, [one])

    reached = dict.fromkeys(["workflows", "nodes", "callees", "cases", "case_answers", "calls", "call_attributes"], 1)
    counted = {table: len(found) for table, found in everything(connection).items() if found}
    assert counted == {**reached, "call_turns": 3}
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


def test_origin_is_marked(database: Database, connection: Rows) -> None:
    """A push that came in a batch is marked so, also when it was stored as pending before, settled or not; one that
    is pending alone is not."""
    batched, pending, both = entry(push("c1")), entry(push("c2")), entry(push("c3"))
    settle(database, [pending, both], Attempt(through_redis=False))

    settle(database, [batched, both])

    marked = connection.execute("SELECT push_id FROM airudder.pushes WHERE through_redis ORDER BY push_id").fetchall()
    assert [row["push_id"] for row in marked] == [batched.uuid, both.uuid]
    assert outcomes(connection) == {"normalised": 3}


def test_large_statements_do_not_wait_for_each_other(database: Database, connection: Rows) -> None:
    """A batch whose statements are more than a socket takes at once, while Postgres is still at the one before, is
    sent to its end."""
    bodies = [push(f"c{number}", number=f"+628123456{number:03}", turns=9000) for number in range(10)]
    for body in bodies:
        body["callee"]["extra"] = [{"Question": "q", "Content": "c"}] * 9000

    with job_time():
        settle(database, [entry(body) for body in bodies])

    assert outcomes(connection) == {"normalised": 10}
    assert len(rows(connection, "call_turns")) == 90_000


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
