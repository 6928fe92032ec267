"""`ingest find`, by whatever a person has at hand."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from psycopg import Connection

from tests.kept import kept
from tests.processes import ingest, running_web
from tests.pushes import entry, push
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")


@pytest.mark.parametrize("identifier", ["c1", "case-1", "+6281234567890", "6281234567890"])
def test_find_by_every_id(database: Database, identifier: str) -> None:
    """`find` leads from a call id, a case id or a number, with its plus or without, to the call."""
    settle(database, [entry(push("c1"))])

    result = ingest("find", identifier)

    assert result.returncode == 0
    assert "c1" in result.stdout


def test_answer_leads_to_the_push(database_url: str, redis_url: str, client: Any, database: Database) -> None:
    """Whoever was answered can ask by the answer's header what became of a push, also of one that was answered 400."""
    with running_web(DATABASE_URL=database_url, REDIS_URL=redis_url) as url:
        answered = [httpx.post(f"{url}/airudder/custom-api", content=body) for body in (b'{"workflow_id": "w"}', b"?")]
    settle(database, kept(client))

    found = [ingest("find", answer.headers["x-push-id"]).stdout for answer in answered]

    assert ["normalised" in found[0], "not JSON" in found[1]] == [True, True]


@pytest.mark.parametrize(
    "typed",
    ["62 812-3456-7890", "0062 812 3456 7890", "'6281234567890", "6281234567890.0", "\u202a+6281234567890\u202c"],
)
def test_find_by_number_as_people_write_it(database: Database, typed: str) -> None:
    """Neither who sends a number nor who types it need know how it is stored."""
    settle(database, [entry(push("c1", number="+62 (0) 812 3456 7890")), entry(push("c2", number="0812-3456-7890"))])

    found = ingest("find", typed).stdout

    assert "c1" in found
    assert "c2" in found


@pytest.mark.parametrize(
    ("number", "typed"),
    [
        ("+6281234567890", "0812-3456-7890"),
        ("+6281234567890", "081234567890"),
        ("+6281234567890", "\u0660\u0668\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669\u0660"),
        ("+12125551234", "(212) 555-1234"),
        ("+919876543210", "098765 43210"),
        ("+551187654321", "011 98765-4321"),
    ],
)
def test_find_by_number_as_it_is_dialled_at_home(database: Database, number: str, typed: str) -> None:
    """The country is not said: every one that has such a number comes into question."""
    settle(database, [entry(push("the-one", number=number)), entry(push("the-other", number="+6281234567891"))])

    found = ingest("find", typed).stdout

    assert "the-one" in found
    assert "the-other" not in found


def test_digits_of_an_id_are_no_number_at_home(database: Database) -> None:
    """A case id may have the digits that somebody in another country is dialled by."""
    settle(database, [entry(push("c1", number="+12125551234"))])

    assert ingest("find", "2125551234").returncode == 1


def test_find_numbers_of_two_plans(database: Database) -> None:
    """Mexico's one and Brazil's nine are the same person without."""
    settle(database, [entry(push("c1", number="+5215512345678")), entry(push("c2", number="551187654321"))])

    for typed, call_id in (("52 55 1234 5678", "c1"), ("+52 1 5512345678", "c1"), ("+55 11 98765-4321", "c2")):
        assert call_id in ingest("find", typed).stdout


@pytest.mark.parametrize(
    ("stored", "typed"),
    [("+5215512345678", "+525512345678"), ("+551187654321", "+5511987654321"), ("+6208123456789", "+628123456789")],
)
def test_find_numbers_stored_before(database: Database, connection: Rows, stored: str, typed: str) -> None:
    """Rows from before two spellings in E.164 were one number are found by what it is now."""
    settle(database, [entry(push("c1"))])
    connection.execute("UPDATE airudder.calls SET callee_number = %s", [stored])

    assert "c1" in ingest("find", typed).stdout


def test_find_by_id_as_it_looks(database: Database) -> None:
    """An id is found by what a person sees of it."""
    body = push("\ufeffcall\u200b-7")
    body["callee"]["case_id"] = "cafe\u0301-7"
    settle(database, [entry(body)])

    for typed in ("call-7", "call-7\u200b", "caf\u00e9-7", "cafe\u0301-7"):
        assert "call-7" in ingest("find", typed).stdout


def test_find_by_id_as_it_was_stored_before(database: Database, connection: Rows) -> None:
    """Rows from before spellings of an id were one are found by the id as it is in them."""
    settle(database, [entry(push("c1"))])
    stored = "INV\u2010\u00a077\u200b1"
    connection.execute("UPDATE airudder.cases SET case_id = %s", [stored])
    connection.execute("UPDATE airudder.calls SET call_id = %s || 'c', case_id = %s", [stored, stored])

    assert "cases" in ingest("find", stored).stdout
    assert "deliveries" not in (found := ingest("find", f"{stored}c").stdout)
    assert "calls" in found


def test_find_by_push_id(database: Database) -> None:
    """`find` of a push id shows its outcome and warnings."""
    one = entry(push("c1", callee={"callee_number": "+6281234567890", "due_date": "2021-02-30"}))
    settle(database, [one])

    result = ingest("find", str(one.uuid))

    assert "normalised" in result.stdout
    assert "warnings (1)" in result.stdout
    assert "$.callee.due_date" in result.stdout
    delivery = ingest("find", "c1").stdout.partition("deliveries")[2].splitlines()
    assert delivery[2].split()[-2:] == ["1", "-"]
    assert "warnings" in delivery[1]


def test_find_vendors_ids(database: Database) -> None:
    """The vendor's ids have 32 hex digits and read like UUIDs: `find` is not misled."""
    for call_id in ("f" * 32, "e" * 32, "01a210da-7346-7156-bd66-6d4fb9944dcb".replace("-", "")):
        settle(database, [entry(push(call_id))])

        result = ingest("find", call_id)

        assert (result.returncode, result.stderr) == (0, "")
        assert f"  {call_id}" in result.stdout


@pytest.mark.parametrize("identifier", ["nobody", "f" * 32, "\udcff7"])
def test_find_nothing(identifier: str) -> None:
    """`find` of something unknown says so, with exit code 1."""
    result = ingest("find", identifier)

    assert result.returncode == 1
    assert "nothing found" in result.stderr
