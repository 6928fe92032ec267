"""The page Pushes: a filter in the address, page by page, and nothing personal in either."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from psycopg import Connection

import ops.search.pushes
from ingest.batch.entry import Entry
from tests.batches import enqueued
from tests.console.conftest import Console
from tests.corpus import cases
from tests.pushes import IDS, entry, push
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

NUMBER = "+6281234567890"


@pytest.fixture
def pushes(database: Database) -> list[Entry]:
    """One that is normalised with a warning, and one that is dead."""
    warned = push("call-one")
    warned["callee"]["due_date"] = "2021-02-30"
    entries = [entry(warned), entry([], source="shop")]
    settle(database, entries)
    return entries


def rows(page: str) -> list[str]:
    """The pushes of a page, by their links."""
    return re.findall(r'<td><a href="/pushes/([0-9a-f-]{36})"', page)


def test_newest_first(console: Console, pushes: list[Entry]) -> None:
    """Without a filter all, and of each what it came to; numbers are masked, and call ids are not."""
    page = console.viewer.get("/pushes")

    assert page.status_code == 200
    assert rows(page.text) == [str(pushes[1].uuid), str(pushes[0].uuid)]
    assert "a JSON object is expected, not an array" in page.text
    assert "call-one" in page.text
    assert "…90" in page.text
    assert "8123456789" not in page.text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=dead", [1]),
        ("kind=custom-api&source=shop", [1]),
        ("warned=1", [0]),
        ("path=%24.callee.due_date", [0]),
        ("error=EXPECTED", [1]),
        ("id=call-one", [0]),
        ("workflow=w1", [0]),
        ("since=2020-01-01&until=2020-01-02", []),
        ("unknown=field&status=normalised", [0]),
    ],
)
def test_filter_is_in_the_address(console: Console, pushes: list[Entry], query: str, found: list[int]) -> None:
    """A link that is sent shows the same to whoever opens it."""
    for reader in (console.viewer, console.operator):
        page = reader.get(f"/pushes?{query}")
        assert page.status_code == 200
        assert rows(page.text) == [str(pushes[one].uuid) for one in found]
        assert ("No push is like this" in page.text) == (not found)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("since=yesterday", "write a time as"),
        ("kind=x", "there is no such kind"),
        ("status=x", "there is no such outcome"),
        ("group=x", "a fingerprint has 8"),
        ("id=a%00b", "nothing stored has (nul)"),
        ("before=x", "this is no push id"),
        ("after=ffffffff-ffff-7fff-bfff-ffffffffffff", "this is no push id"),
        ("since=2026-01-02&until=2026-01-01", "this is not after the time"),
        ("who=nonsense", "this link is of another database"),
    ],
)
def test_wrong_values_are_said(console: Console, pushes: list[Entry], query: str, words: str) -> None:
    """Beside their field, and nothing is looked for."""
    page = console.viewer.get(f"/pushes?{query}")
    assert page.status_code == 422
    assert words in page.text
    assert rows(page.text) == []


@pytest.mark.parametrize("typed", [NUMBER, "6281234567890", "case-1", " 0062 812 34567890 "])
def test_number_stands_in_no_address(console: Console, pushes: list[Entry], typed: str) -> None:
    """What is typed leads to an address that does not say it, and that a colleague can open."""
    answer = console.post(console.viewer, "/pushes", id=typed, status="normalised", kind="")

    assert answer.status_code == 303
    address = answer.headers["location"]
    assert set(parse_qs(urlsplit(address).query)) == {"who", "status"}
    assert "34567890" not in address
    assert "case" not in address
    for reader in (console.viewer, console.operator):
        page = reader.get(address).text
        assert rows(page) == [str(pushes[0].uuid)]
        assert "8123456789" not in page
        assert f"Only pushes of <bdi>…{typed.strip()[-2:]}</bdi>" in page


def test_number_without_its_country(console: Console, pushes: list[Entry]) -> None:
    """As it is dialled at home it is found; where nothing is known by a number the page says how to type one."""
    for typed, found, hints in (("0812-3456-7890", True, 0), (NUMBER, True, 0), ("0899-1111-2222", False, 1)):
        address = console.post(console.viewer, "/pushes", id=typed).headers["location"]
        page = console.viewer.get(address).text
        assert (str(pushes[0].uuid) in rows(page)) == found
        assert page.count("A number is found with its country") == hints


def test_push_id_stands_in_the_address(console: Console, pushes: list[Entry]) -> None:
    """As it tells who nobody is; and takes the place of a number that was looked for before."""
    answer = console.post(console.viewer, "/pushes", id=str(pushes[1].uuid), who="old")
    assert answer.headers["location"] == f"/pushes?id={pushes[1].uuid}"
    assert rows(console.viewer.get(answer.headers["location"]).text) == [str(pushes[1].uuid)]
    assert console.post(console.viewer, "/pushes").headers["location"] == "/pushes"


def test_unmasked_by_operators_alone(console: Console, pushes: list[Entry], connection: Rows) -> None:
    """It is recorded, and holds for the one who asked."""
    address = "/pushes?id=call-one"
    assert console.post(console.viewer, "/unmask", page=address).status_code == 403
    answer = console.post(console.operator, "/unmask", page=address)

    assert answer.headers["location"] == address
    assert NUMBER in console.operator.get(address).text
    assert NUMBER not in console.viewer.get(address).text
    (action,) = connection.execute("SELECT operator, command FROM airudder.actions").fetchall()
    assert action == {"operator": "alice (console)", "command": "console unmask"}


def test_pages(console: Console, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The links lead through all pushes and back, and keep the filter."""
    monkeypatch.setattr(ops.search.pushes, "PAGE", 2)
    entries = [entry(push(f"c{number}")) for number in range(5)]
    settle(database, entries)
    address, seen = "/pushes?kind=custom-api", []
    while True:
        page = console.viewer.get(address).text
        seen += rows(page)
        assert "kind=custom-api" in address
        older = re.search(r'rel="next" href="([^"]+)"', page)
        if not older:
            break
        address = older[1].replace("&amp;", "&")
    assert seen == [str(one.uuid) for one in reversed(entries)]
    newer = re.search(r'rel="prev" href="([^"]+)"', page)
    assert newer
    assert rows(console.viewer.get(newer[1].replace("&amp;", "&")).text) == seen[2:4]


def test_look_further(console: Console, pushes: list[Entry], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where only some pushes were looked at, the page says so, and leads on."""
    monkeypatch.setattr(ops.search.pushes, "STRETCH", 1)

    page = console.viewer.get("/pushes?kind=custom-api&source=default").text

    assert rows(page) == []
    further = re.search(r'href="([^"]+)">Look further', page)
    assert further
    assert rows(console.viewer.get(further[1].replace("&amp;", "&")).text) == [str(pushes[0].uuid)]


def test_in_flight_comes_first(console: Console, pushes: list[Entry], client: Any) -> None:
    """A push that is acknowledged is there before a worker has had it."""
    one = entry(push("c9"))
    enqueued(client, [one], str(UUID(bytes=IDS.draw()[0])))
    page = console.viewer.get("/pushes").text
    assert rows(page)[0] == str(one.uuid)
    assert "in-flight</span>" in page


def test_nothing_has_come(console: Console) -> None:
    """The page says what to do first."""
    assert "ingest send --count 1" in console.viewer.get("/pushes").text


def test_strangers_texts(console: Console, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was sent: every page is a page, and no text of a push is more than text."""
    monkeypatch.setattr(ops.search.pushes, "PAGE", 500)
    bodies = [entry(case.body, source="<script>alert(1)</script>") for case in cases() if case.status != 413]
    settle(database, bodies)
    assert console.post(console.operator, "/unmask", page="/pushes").status_code == 303
    address, seen = "/pushes", 0
    while address:
        page = console.operator.get(address)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img" not in page.text
        seen += len(rows(page.text))
        older = re.search(r'rel="next" href="([^"]+)"', page.text)
        address = older[1].replace("&amp;", "&") if older else ""
    assert seen == len(bodies)
    for text in ('"><script>alert(1)</script>', "\u202e", "'; DROP TABLE airudder.pushes; --", "x" * 300):
        for field in ("id", "source", "workflow", "error", "path", "kind", "status", "since", "before", "who"):
            answer = console.viewer.get("/pushes", params={field: text})
            assert answer.status_code in (200, 422)
            assert "<script>alert" not in answer.text
