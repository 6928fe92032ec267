"""The page Now: whether a person is needed, and what says so."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from redis import Redis

from ops.console.pages.now import page_of
from ops.problems.problem import Problem
from ops.problems.problem import page as page_of_runbook
from tests.console.conftest import Console, Tab, serving
from tests.pushes import entry, push
from tests.servers import redis_set_to
from workers.database import Database
from workers.settle import settle


def test_says_what_is_wrong(console: Console) -> None:
    """Without workers and a sweeper a person is needed, and the page says for what."""
    page = console.viewer.get("/").text
    assert "A person is needed." in page
    assert "no worker is running" in page
    assert "no sweeper is running" in page
    assert "docs/runbook.md#pushes-come-late" in page


def test_shows_what_is_settled(console: Console, database: Database) -> None:
    """What was settled lately stands there by source and kind, dead letters lead to their page."""
    settle(database, [entry(push("c1")), entry(push("c2")), entry([])])
    page = console.viewer.get("/").text
    assert '<a href="/pushes?source=default&amp;kind=custom-api">custom-api</a>' in page
    assert '<a href="/dead">1</a>' in page


@pytest.mark.parametrize(
    ("anchor", "address"), [("dead-letters", "/dead"), ("refusals", "/refusals"), ("a-source-is-silent", "/refusals")]
)
def test_problem_leads_to_its_page(anchor: str, address: str) -> None:
    """A problem that the runbook has a page on leads to the console's page that shows it."""
    assert page_of(Problem(name="", what="", bad="lost", page=page_of_runbook(anchor), told_by=())) == address


def test_refreshes_itself(tab: Tab, database: Database) -> None:
    """A page that is open shows what has come since, without being loaded again."""
    page = tab.go("/")
    page.get_by_text("No push was settled in the last quarter of an hour.").wait_for()
    settle(database, [entry(push("c1"))])
    page.get_by_role("link", name="custom-api").wait_for()
    page.get_by_role("heading", name="Now", exact=True).wait_for()


def test_says_that_it_cannot_refresh(tab: Tab) -> None:
    """While the console does not answer, the page says since when; afterwards it says so no more."""
    page = tab.go("/")
    page.route("**/now/facts", lambda route: route.abort())
    page.get_by_text("Not refreshed since").wait_for()
    page.unroute("**/now/facts")
    page.locator("#not-refreshed").wait_for(state="hidden")
    assert all("ERR_FAILED" in one or "htmx" in one for one in tab.complaints)
    tab.complaints.clear()


def test_says_how_old_it_is(tab: Tab) -> None:
    """Not since a refresh was seen to fail, but since one worked: what is shown is that old."""
    shown = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
    tab.page.route("**/now/*", lambda route: route.abort())
    tab.page.clock.set_fixed_time(shown)
    page = tab.go("/")
    page.clock.set_fixed_time(shown + timedelta(hours=1))
    page.get_by_text("Not refreshed since").wait_for()
    words = page.evaluate("when => format.format(new Date(when))", shown.isoformat())
    assert f"Not refreshed since {words}:" in page.locator("#not-refreshed").inner_text()
    tab.complaints.clear()


def test_store_away_is_said(console: Console, client: Redis) -> None:
    """A Redis that takes no writes is a problem, and the page is there all the same."""
    with redis_set_to(client, maxmemory="1", **{"maxmemory-policy": "noeviction"}):
        page = console.viewer.get("/")
    assert page.status_code == 200
    assert "Redis would take no push" in page.text


@pytest.mark.parametrize(
    ("server", "wrong"), [("DATABASE_URL", "No push was settled"), ("REDIS_URL", "No push has come yet")]
)
@pytest.mark.usefixtures("environment")
def test_server_away_is_no_empty_state(server: str, wrong: str) -> None:
    """What nobody can tell is not told as that nothing came."""
    nowhere = {"DATABASE_URL": "postgresql://127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0"}[server]
    with serving({**os.environ, server: nowhere, "INGEST_CONSOLE_OPEN": "yes"}) as url:
        page = httpx.get(f"{url}/now/facts", timeout=60).text
    assert "Nobody can tell while" in page
    assert wrong not in page
