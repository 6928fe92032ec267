"""Operators' actions in the console: the newest first, and a discard that was interrupted."""

from __future__ import annotations

import re
from typing import Any

import pytest
from psycopg import Connection

from ingest import settings
from ops import queries
from ops.console.pages import actions
from ops.repair.actions import begin_action, end_action
from ops.repair.discarding import at_work, begin_discard
from tests.console.conftest import Console
from tests.processes import wait_until
from tests.pushes import entry
from tests.stored import outcomes
from workers.database import Database
from workers.selection import Selection
from workers.settle import settle

Rows = Connection[dict[str, Any]]

HTML = "<script>alert(1)</script>"
DEAD = Selection(statuses=("dead",))


def numbers(page: str) -> list[int]:
    """The actions that a page lists."""
    return [int(number) for number in re.findall(r'href="/actions/(\d+)"', page)]


def test_page_by_page(console: Console, connection: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page leads to the next one, with its filter."""
    monkeypatch.setattr(actions, "SHOWN", 2)
    done = [begin_action(connection, operator, "pause", {}) for operator in ("budi", "siti", "budi", "budi")]

    first = console.viewer.get("/actions?operator=budi").text
    (older,) = re.findall(r'href="(/actions\?[^"]*before=[^"]*)"', first)
    second = console.viewer.get(older.replace("&amp;", "&")).text

    assert numbers(first) == [done[3], done[2]]
    assert numbers(second) == [done[0]]
    assert "before=" not in second
    assert numbers(console.viewer.get("/actions?command=resume").text) == []


def test_who_did_what_and_why(console: Console, connection: Rows) -> None:
    """A stranger's text in any of it stays text."""
    done = begin_action(connection, "budi@ops-1", f"replay {HTML}", {"source": HTML, HTML: [HTML]}, reason=HTML)
    end_action(connection, done)
    connection.execute("UPDATE airudder.actions SET pushes = 12345")

    for address in ("/actions", f"/actions/{done}", f"/actions?operator={HTML}"):
        page = console.viewer.get(address).text
        assert "<script>alert" not in page
    page = console.viewer.get("/actions").text
    assert "budi@ops-1" in page
    assert "12,345" in page
    assert page.count("&lt;script&gt;alert(1)") >= 4


@pytest.mark.parametrize("query", ["before=x", "before=-1", f"before={9**25}", "operator=%00", "command=a%00"])
def test_odd_addresses(console: Console, connection: Rows, query: str) -> None:
    """What cannot be read is no condition."""
    done = begin_action(connection, "budi", "pause", {})
    assert numbers(console.viewer.get(f"/actions?{query}").text) == [done]


def test_there_is_none(console: Console) -> None:
    """And it is said what will be here."""
    assert "Nobody has changed anything yet" in console.viewer.get("/actions").text
    for number in ("0", "99999999999999999999"):
        assert console.viewer.get(f"/actions/{number}").status_code == 404
        assert console.viewer.get(f"/actions/{number}/progress").status_code == 404


def test_interrupted_discard_is_gone_on_with(console: Console, connection: Rows, database: Database) -> None:
    """By an operator, on its page; while somebody is at it there is no button, and a form changes nothing."""
    settle(database, [entry(b"[]"), entry(b"[1]")])
    begun = begin_discard(connection, "budi", DEAD, "why")
    address = f"/actions/{begun}"

    with queries.connect(settings.load()) as other, at_work(other, begun):
        page = console.operator.get(address).text
        assert "running" in page
        assert 'data-refresh="2"' in page
        assert "/resume" not in page
        console.post(console.operator, f"{address}/resume")
        assert outcomes(connection) == {"dead": 2}
    assert "2 to go" in console.viewer.get(address).text
    assert "/resume" not in console.viewer.get(address).text
    assert console.post(console.viewer, f"{address}/resume").status_code == 403
    assert "/resume" in console.operator.get(address).text

    assert console.post(console.operator, f"{address}/resume").headers["location"] == address

    wait_until(lambda: "It ended" in console.operator.get(address).text, "the discard ends")
    assert outcomes(connection) == {"discarded": 2}
    # What does not refresh itself would say otherwise on a page that is open.
    assert "<dt>ended</dt>" not in page
    assert "dead discard resume" in console.viewer.get("/actions").text
