"""Repairing in a real browser: from click to row, by two operators at once, with the back button."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from psycopg import Connection

from ops.repair.discarding import begin_discard
from tests.console.conftest import Console, Tab, open_tab
from tests.pushes import entry, push
from tests.stored import make_dead, outcomes
from workers.database import Database
from workers.selection import Selection
from workers.settle import settle
from workers.sweeper.loop import Sweeper

Rows = Connection[dict[str, Any]]

CAUSE = "could not be normalised: KeyError"


@pytest.fixture
def mended(connection: Rows) -> None:
    """Three dead letters that can be read now."""
    for number in range(3):
        make_dead(connection, entry(push(f"c{number}", number=f"+628120000000{number}")))


def to_group(page: Page) -> None:
    """From any page to the group."""
    page.get_by_role("link", name="Dead letters").first.click()
    page.get_by_role("link", name=CAUSE).click()


@pytest.mark.usefixtures("mended")
def test_group_is_replayed(tab: Tab, connection: Rows, sweeper: Sweeper) -> None:
    """From the first page in four clicks; the page of the replay follows it to its end without a reload."""
    page = tab.page
    to_group(page)
    page.get_by_role("link", name="See what a replay would do").click()
    expect(page.get_by_text("All 3 were tried as they are read now")).to_be_visible()
    page.get_by_label("Why").fill("mended at AI Rudder")
    page.get_by_role("button", name="Replay 3 pushes").click()

    expect(page.get_by_text("0 of 3 pushes have their outcome")).to_be_visible()
    sweeper.run_once()
    expect(page.get_by_text("3 of 3 pushes have their outcome")).to_be_visible()
    expect(page.get_by_text("None is dead again.")).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    assert outcomes(connection) == {"normalised": 3}

    page.go_back()
    # As the browser remembers it; asked for again, the server says that nothing is of this cause any more.
    expect(page.get_by_role("heading", name=re.compile("What a replay would do|Not here"))).to_be_visible()
    tab.complaints[:] = [one for one in tab.complaints if "404" not in one]
    page.go_forward()
    page.get_by_role("link", name="Actions").click()
    row = page.get_by_role("row").filter(has_text="mended at AI Rudder")
    expect(row).to_contain_text("alice (console)")
    expect(row).to_contain_text("3")


@pytest.mark.usefixtures("mended")
def test_replay_is_stopped(tab: Tab, connection: Rows, sweeper: Sweeper) -> None:
    """Before the sweeper has come to it: everything stays as it is."""
    page = tab.page
    to_group(page)
    page.get_by_role("link", name="See what a replay would do").click()
    page.get_by_role("button", name="Replay 3 pushes").click()
    page.get_by_role("button", name="Stop").click()

    expect(page.get_by_text("It feeds nothing more.")).to_be_visible()
    sweeper.run_once()
    expect(page.get_by_text("It was stopped")).to_be_visible()
    assert outcomes(connection) == {"dead": 3}


@pytest.mark.usefixtures("mended")
def test_group_is_discarded(tab: Tab, connection: Rows) -> None:
    """With a reason, without which the browser sends nothing; then the page that tells the end."""
    page = tab.page
    to_group(page)
    page.get_by_role("button", name="Discard 3 pushes").click()
    assert outcomes(connection) == {"dead": 3}
    page.get_by_label("Why nobody needs them").fill("a load test of ours")
    page.keyboard.press("Enter")

    expect(page.get_by_text("3 discarded")).to_be_visible()
    expect(page.get_by_text("It ended")).to_be_visible()
    assert outcomes(connection) == {"discarded": 3}


@pytest.mark.usefixtures("mended")
def test_two_operators_at_one_group(tab: Tab, browser: Browser, console: Console, connection: Rows) -> None:
    """One discards what another one is about to replay: the other is told, and nothing is done twice."""
    to_group(tab.page)
    with open_tab(browser, console, "alice") as other:
        to_group(other.page)
        other.page.get_by_role("link", name="See what a replay would do").click()
        tab.page.get_by_label("Why nobody needs them").fill("a load test of ours")
        tab.page.get_by_role("button", name="Discard 3 pushes").click()
        expect(tab.page.get_by_text("It ended")).to_be_visible()

        other.page.get_by_role("button", name="Replay 3 pushes").click()

        expect(other.page.get_by_role("alert")).to_contain_text("replayed or discarded")
    assert outcomes(connection) == {"discarded": 3}
    commands = connection.execute("SELECT command FROM airudder.actions").fetchall()
    assert commands == [{"command": "dead discard"}]


def test_interrupted_discard_is_gone_on_with(tab: Tab, connection: Rows, database: Database) -> None:
    """Found among the actions, as it has not ended."""
    settle(database, [entry(b"[]"), entry(b"[1]")])
    begin_discard(connection, "budi (console)", Selection(statuses=("dead",)), "a load test of ours")
    page = tab.page
    page.get_by_role("link", name="Actions").click()
    page.get_by_role("row").filter(has_text="not ended").get_by_role("link").click()
    expect(page.get_by_text("2 to go")).to_be_visible()
    page.get_by_role("button", name="Go on").click()

    expect(page.get_by_text("It ended")).to_be_visible()
    assert outcomes(connection) == {"discarded": 2}


@pytest.mark.usefixtures("mended")
def test_viewer_finds_no_button(browser: Browser, console: Console) -> None:
    """And is told who may act."""
    with open_tab(browser, console, "vera") as tab:
        to_group(tab.page)
        expect(tab.page.get_by_text("takes the role operator")).to_be_visible()
        expect(tab.page.get_by_role("button", name="Discard")).to_have_count(0)
        assert tab.complaints == []
