"""Whom `ingest erase` takes for the person or the case that was named, and which pushes are theirs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from psycopg import Connection

from ingest.batch import keys
from tests.batches import enqueued
from tests.erasing import assert_gone, counts, exported
from tests.persons import MARK, NUMBER, OTHER, call_only, marked
from tests.processes import ingest
from tests.pushes import entry, push
from tests.stored import make_dead, outcomes, store_pending
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")


@pytest.mark.parametrize(
    "typed",
    [
        *("6281234567890", "+62 812 3456 7890", "+62 0812-3456-7890", "0062 812 3456 7890", "'6281234567890"),
        *("6281234567890.0", "+62\u00a0812\u200b34567890", "\uff0b6281234567890"),
    ],
)
def test_number_may_be_typed_in_other_ways(client: Any, connection: Rows, person: None, typed: str) -> None:
    """Whoever types the number need not know how it is stored."""
    assert ingest("erase", "--callee-number", typed).returncode == 0

    assert_gone(connection, client)


def test_case_alone(client: Any, database: Database, connection: Rows) -> None:
    """By case id one case goes, with its answers, calls and pushes; the callee goes with the last."""
    number = "+6281222222222"
    kept = [entry(push("kept", number, serial=serial)) for serial in range(2)]
    settle(database, [*kept, entry(marked("mine", number)), entry(call_only("mine"))])
    settle(database, [entry(json.dumps(marked("x", "")).encode()[:-1]), entry(b'{"case_id": "case-Mark55", ')])
    enqueued(client, [entry(marked("second", number)), entry(push("kept", number, serial=3))])

    assert ingest("erase", "--case-id", f"case-{MARK}").returncode == 0

    held = exported(number)
    assert [case["case_id"] for case in held["cases"]] == ["case-1"]
    assert ([call["call_id"] for call in held["calls"]], len(held["pushes"])) == (["kept"], 2)
    assert len(held["in_redis"]) == len(held["callees"]) == 1
    assert outcomes(connection) == {"normalised": 2, "erased": 4, "dead": 1}
    assert ingest("erase", "--case-id", "case-1").returncode == 0
    assert connection.execute("SELECT FROM airudder.callees").rowcount == 0


def test_nameless_push_of_their_case(client: Any, database: Database, connection: Rows) -> None:
    """A push that lacks the number and names a case of theirs is theirs; not if somebody else has that case too."""
    callless = {"callee": {"case_id": f"case-{MARK}", "callee_name": MARK}}
    settle(database, [entry(marked("c1")), entry(marked("c2", None)), entry(marked("c3", None, "shared"))])
    settle(database, [entry(callless)])
    settle(database, [entry(marked(f"c{number}", number, "shared")) for number in (NUMBER, OTHER)])

    assert ingest("erase", "--callee-number", NUMBER).returncode == 0

    left = connection.execute("SELECT call_id FROM airudder.pushes WHERE status <> 'erased' ORDER BY 1").fetchall()
    assert [row["call_id"] for row in left] == ["c+6281111111111", "c3"]


def test_mention_in_somebody_elses_push_stays(client: Any, database: Database, connection: Rows) -> None:
    """A push that names somebody else is theirs, whomever it mentions."""
    body = push("other", OTHER, custom_attribute={"guarantor": NUMBER})
    settle(database, [entry(marked()), entry(body)])
    enqueued(client, [entry({**body, "serial": 2})])
    before = exported()

    assert ingest("erase", "--callee-number", NUMBER).returncode == 0

    assert exported() == before
    assert len(before["pushes"]) == len(before["in_redis"]) == 1


@pytest.mark.parametrize("command", ["erase", "export"])
@pytest.mark.parametrize(
    "whom", [[], ["--callee-number", ""], ["--callee-number", "1", "--case-id", "2"], ["--case-id", "\udcff"]]
)
def test_one_person_has_to_be_named(command: str, whom: list[str]) -> None:
    """Neither nobody nor two at once: exit code 2."""
    assert ingest(command, *whom).returncode == 2


@pytest.mark.parametrize(
    "sent",
    [
        "62 812-3456-7890",
        "'6281234567890",
        "6281234567890.0",
        6281234567890.0,
        "+62 (0) 812 3456 7890;",
        "62\u2011812 34567890",
    ],
)
def test_number_in_flight_may_be_sent_in_other_ways(client: Any, connection: Rows, sent: Any) -> None:
    """A push that waits in Redis or Postgres names the person however it spells the number, in a string as well."""
    whole, in_string = marked("first", sent), marked("second", sent)
    in_string["callee"] = json.dumps(in_string["callee"])
    enqueued(client, [entry(whole), entry(in_string)])
    store_pending(connection, entry(marked("third", sent)))

    assert ingest("erase", "--callee-number", NUMBER).returncode == 0

    assert_gone(connection, client)


def test_what_is_no_number_is_nobodys(client: Any, database: Database, connection: Rows) -> None:
    """Two people whose numbers a spreadsheet cut to the same digits are not one."""
    settle(database, [entry(push(call_id, number="6.28123E+12", serial=serial)) for serial, call_id in enumerate("ab")])

    assert ingest("erase", "--callee-number", "6.28123E+12").returncode == 1
    assert connection.execute("SELECT FROM airudder.callees").rowcount == 0
    assert outcomes(connection) == {"normalised": 2}


@pytest.mark.parametrize(
    ("sent", "typed"),
    [(1.5, "1.5"), (17.0, "17"), ("k\u200b7", "k7"), ("cafe\u0301", "caf\u00e9"), ("k7", "\ufeffk7 ")],
)
def test_case_is_named_by_what_is_seen(
    client: Any, database: Database, connection: Rows, sent: Any, typed: str
) -> None:
    """Workers and commands agree which spellings of an id are one."""
    settle(database, [entry(marked("settled", NUMBER, sent))])
    enqueued(client, [entry(marked("open", OTHER, sent)), entry(push("other", OTHER))])
    store_pending(connection, entry(marked("pending", OTHER, sent)))

    assert ingest("erase", "--case-id", typed).returncode == 0

    assert outcomes(connection) == {"erased": 3}
    assert len(exported()["in_redis"]) == 1


def test_case_is_named_as_it_was_stored_before(client: Any, database: Database, connection: Rows) -> None:
    """Rows from before spellings of an id were one go by the id as it is in them, and so do pushes of their calls."""
    stored = f"INV\u2010\u00a0{MARK}\u200b1"
    settle(database, [entry(marked("old", NUMBER)), entry(push("other", OTHER))])
    theirs = "WHERE callee_number = %s"
    connection.execute(f"UPDATE airudder.cases SET case_id = %s {theirs}", [stored, NUMBER])
    connection.execute(f"UPDATE airudder.calls SET case_id = %s, call_id = 'old\u200b' {theirs}", [stored, NUMBER])
    connection.execute(f"UPDATE airudder.pushes SET case_id = %s, call_id = 'old\u200b' {theirs}", [stored, NUMBER])
    connection.execute("UPDATE airudder.call_attributes SET call_id = 'old\u200b' WHERE call_id = 'old'")
    settle(database, [entry({"call": {"call_id": "old"}})])

    assert json.loads(ingest("export", "--case-id", stored).stdout)["cases"]
    assert ingest("erase", "--case-id", stored).returncode == 0

    assert_gone(connection, client)
    assert outcomes(connection) == {"erased": 2, "normalised": 1}


def test_number_with_a_zero_more_is_somebody_elses(client: Any, database: Database, connection: Rows) -> None:
    """In Italy a leading zero belongs to the number."""
    settle(database, [entry(push("a", number="+39312345678")), entry(push("b", number="+390312345678"))])

    assert ingest("erase", "--callee-number", "+39312345678").returncode == 0

    assert [row["callee_number"] for row in connection.execute("SELECT callee_number FROM airudder.callees")] == [
        "+390312345678"
    ]


@pytest.mark.parametrize("whom", [["--callee-number", NUMBER], ["--case-id", f"case-{MARK}"]])
def test_words_of_a_call_that_changed_hands_go(
    client: Any, database: Database, connection: Rows, whom: list[str]
) -> None:
    """A later push may name somebody else for the call; what the person's own push said of it goes all the same."""
    first = push("c1", number=NUMBER)
    first["callee"]["case_id"] = f"case-{MARK}"
    first["call"]["asr_result"] = [{"time": "00:00:01", "robottext": "hello", "text": MARK}]
    settle(database, [entry({**first, "custom_attribute": {"said": MARK}})])
    second = push("c1", number=OTHER, turns=0)
    second["custom_attribute"] = None
    settle(database, [entry(second)])
    assert MARK in str(connection.execute("SELECT * FROM airudder.call_turns").fetchall())

    assert ingest("erase", *whom).returncode == 0

    for table in ("call_turns", "call_attributes", "calls", "callees", "pushes"):
        assert MARK not in str(connection.execute(f"SELECT * FROM airudder.{table}").fetchall())


def test_case_of_several_sources_has_to_be_named(client: Any, database: Database, connection: Rows) -> None:
    """Short ids are used by more than one customer."""
    one, other = push("a"), push("b")
    for document in (one, other):
        document["callee"]["case_id"] = "1"
    settle(database, [entry(one, source="lender-a"), entry(other, source="lender-b")])

    refused = ingest("erase", "--case-id", "1")

    assert refused.returncode == 2
    assert "2 sources have a case of this id" in refused.stderr
    assert ingest("erase", "--case-id", "1", "--source", "lender-a").returncode == 0
    assert [row["source"] for row in connection.execute("SELECT source FROM airudder.cases")] == ["lender-b"]


@pytest.mark.parametrize("spelt", ["0812 3456 7890", "+0812-3456-7890", "(0062) 812 3456 7890", "62 0812 3456 7890"])
def test_number_that_is_stored_as_it_was_sent(database: Database, connection: Rows, client: Any, spelt: str) -> None:
    """One that cannot be read as E.164 is found by its digits, and so are all pushes that name it."""
    settle(database, [entry(marked("a", spelt)), entry(marked("b", spelt)), entry(marked("b", spelt))])

    assert ingest("erase", "--callee-number", NUMBER).returncode == 0

    assert_gone(connection, client)
    assert outcomes(connection) == {"erased": 3}


def test_pushes_of_a_cases_call_go(client: Any, database: Database, connection: Rows) -> None:
    """A push that names no case is the case's if its call is, or if it came about the case's callee and mentions it;
    whatever number it names."""
    of_call, mentions, neither = marked("mine", OTHER), marked("x"), push("y", NUMBER)
    mentions["custom_attribute"] = {"case_id": f"case-{MARK}"}
    for body in (of_call, mentions, neither):
        del body["callee"]["case_id"]
    settle(database, [entry(of_call), entry(mentions), entry(neither), entry(marked("mine"))])

    assert ingest("erase", "--case-id", f"case-{MARK}").returncode == 0

    left = connection.execute("SELECT call_id FROM airudder.pushes WHERE status <> 'erased'").fetchall()
    assert left == [{"call_id": "y"}]


def test_call_of_a_nameless_push_brings_others(client: Any, database: Database, connection: Rows) -> None:
    """A push that names nobody and mentions the number tells a call; others of that call, which mention nobody, go
    with it, be they settled, dead or in Redis, and whichever was read first."""
    said, mentions = {"call": {"call_id": "told"}}, {"call": {"call_id": "told"}, "custom_attribute": {"to": NUMBER}}
    settle(database, [entry({**said, "note": 1})])
    make_dead(connection, entry({**said, "note": 2}))
    make_dead(connection, entry(mentions))
    enqueued(client, [entry({**said, "note": 3}), entry({"call": {"call_id": "untold"}})])

    erased = ingest("erase", "--callee-number", NUMBER)

    found = counts(erased.stdout)
    assert (found["normalised"], found["dead"], found["in_redis"]) == (1, 2, 1)
    assert client.llen(keys.batch("b1")) == 1
