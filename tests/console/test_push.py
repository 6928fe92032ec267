"""The page of one push: story, body, rows, deliveries, and its replay."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from ingest.batch.entry import Entry
from tests.batches import enqueued
from tests.console.conftest import Console
from tests.corpus.documents import Literal, to_json
from tests.corpus.odd_values import HOSTILE_TEXTS
from tests.pushes import IDS, entry, push
from tests.stored import store_pending
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

NUMBER = "+6281234567890"


@pytest.fixture
def warned(database: Database) -> Entry:
    """A push with a warning."""
    body = push("call-one")
    body["callee"]["due_date"] = "2021-02-30"
    one = entry(body)
    settle(database, [one])
    return one


def body_of(page: str) -> str:
    """What a person copies of the body."""
    (shown,) = re.findall(r'<pre class="json".*?>(.*?)</pre>', page, re.S)
    text = re.sub(r"<[^>]+>", "", shown)
    return text.replace("&#34;", '"').replace("&lt;", "<").replace("&gt;", ">").replace("&#39;", "'")


def test_masked(console: Console, warned: Entry) -> None:
    """Story, warnings at their values, rows; of the body no value, and of the number two digits."""
    for reader in (console.viewer, console.operator):
        page = reader.get(f"/pushes/{warned.uuid}").text
        for words in ("received", "settled", "call_attributes", "kept in", "transcript", "$.callee.due_date", "…90"):
            assert words in page
        assert '<a href="#w1">$.callee.due_date</a>' in page
        assert '<a id="w1"></a>' in page
        assert "<mark>" in page
        assert not [word for word in ("Budi", "8123456789", "case-1", "robot 1", "2021-02-30") if word in page]
        assert "text of 4" in body_of(page)


def test_callee_leads_to_contacts(console: Console, warned: Entry) -> None:
    """By an address that hides the number, also where the page does."""
    address = f"/pushes/{warned.uuid}/contacts"
    assert f'href="{address}"' in console.viewer.get(f"/pushes/{warned.uuid}").text

    answer = console.viewer.get(address)

    assert NUMBER not in answer.headers["location"]
    contacts = console.viewer.get(answer.headers["location"]).text
    assert ("call-one" in contacts, NUMBER in contacts) == (True, False)
    assert console.viewer.get(f"/pushes/{UUID(int=7 << 76)}/contacts").status_code == 404


def test_unmasked(console: Console, warned: Entry, connection: Rows) -> None:
    """For the operator who asked for it, on this page, recorded; the body is the same JSON, and can be downloaded."""
    address = f"/pushes/{warned.uuid}"
    assert console.operator.get(f"{address}/body").status_code == 403
    assert console.post(console.operator, "/unmask", page=address).headers["location"] == address

    page = console.operator.get(address).text

    assert json.loads(body_of(page)) == json.loads(warned.body)
    assert NUMBER in page
    answer = console.operator.get(f"{address}/body")
    assert answer.content == warned.body
    assert answer.headers["content-disposition"] == f'attachment; filename="push-{warned.uuid}.json"'
    assert "Budi" not in console.viewer.get(address).text
    assert console.viewer.get(f"{address}/body").status_code == 403
    (action,) = connection.execute("SELECT operator, filter FROM airudder.actions").fetchall()
    assert action == {"operator": "alice (console)", "filter": {"page": address}}


def test_dead(console: Console, database: Database) -> None:
    """Why, and the way to all that died of the same."""
    one = entry([])
    settle(database, [one])
    page = console.viewer.get(f"/pushes/{one.uuid}").text
    assert "Nothing in it could be normalised: <bdi>a JSON object is expected, not an array</bdi>" in page
    assert re.search(r'href="/dead/[0-9a-f]{8}"', page)
    assert "No rows: only a push that is normalised" in page


@pytest.mark.parametrize(
    "push_id",
    ["x", "1", "6f1c1e1e-3b8e-4b0e-9a52-6e0d5d2b7c11", "00000000-0000-7000-8000-000000000000", "%00", "a" * 5000],
)
def test_unknown(console: Console, push_id: str) -> None:
    """404, in words, on each of its pages."""
    for path in ("", "/body"):
        console.post(console.operator, "/unmask", page=f"/pushes/{push_id}"[:1000])
        answer = console.operator.get(f"/pushes/{push_id}{path}")
        assert answer.status_code == 404
        assert "No push has this id" in answer.text


def test_each_status(console: Console, database: Database, connection: Rows, client: Any) -> None:
    """A push is a page in whatever status; and why it cannot be replayed, if it cannot."""
    one = entry(push())
    again = entry(one.body, later_us=10)
    settle(database, [one, again])
    pending, flying = entry(push("c3")), entry(push("c4"))
    store_pending(connection, pending)
    enqueued(client, [flying], str(UUID(bytes=IDS.draw()[0])))
    for found, status in ((one, "normalised"), (again, "duplicate"), (pending, "pending"), (flying, "in-flight")):
        answer = console.operator.get(f"/pushes/{found.uuid}")
        assert answer.status_code == 200
        assert f"{status}</span></h1>" in answer.text
    page = console.viewer.get(f"/pushes/{one.uuid}").text
    assert f'<a href="/pushes/{again.uuid}">' in page
    connection.execute("UPDATE airudder.pushes SET status = 'erased', normalised_at = NULL, body = ''")
    page = console.operator.get(f"/pushes/{one.uuid}").text
    assert "No body to show: nothing is left of it." in page


def test_strangers_texts(console: Console, database: Database) -> None:
    """In every value, name and id: shown as what it is, masked and not."""
    entries = []
    for number, text in enumerate(HOSTILE_TEXTS.values()):
        body = push(f"{number}{text}"[:250], f"+62812000{number:05}", workflow_id=text, workflow_name=text)
        body["callee"] |= {"case_id": text, "callee_name": text, "due_date": text}
        body["custom_attribute"] = {text: text, "<img src=x onerror=alert(1)>": Literal("1e400")}
        entries.append(entry(to_json(body), source=f"<script>alert({number})</script>"))
    settle(database, entries)
    for one in entries:
        address = f"/pushes/{one.uuid}"
        masked = console.operator.get(address)
        console.post(console.operator, "/unmask", page=address)
        for page in (masked, console.operator.get(address)):
            assert page.status_code == 200
            assert "<script>alert" not in page.text
            assert "<img" not in page.text
            assert "\u202e" not in body_of(page.text) if "<pre" in page.text else True


def test_large_body(console: Console, database: Database) -> None:
    """A page stays a page: what is cut says how much."""
    body = push()
    body["callee"]["comments"] = "x" * 900_000
    body["custom_attribute"] = {"a": list(range(20_000))}
    one = entry(body)
    settle(database, [one])
    console.post(console.operator, "/unmask", page=f"/pushes/{one.uuid}")

    page = console.operator.get(f"/pushes/{one.uuid}").text

    assert len(page) < 200_000
    assert "characters more" in page
    assert "more lines are not shown" in page
