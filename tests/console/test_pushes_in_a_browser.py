"""Pushes in a real browser: found by number, seen, unmasked, replayed; with the back button and the keyboard alone."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect
from psycopg import Connection

from ingest.batch.entry import Entry
from tests.console.conftest import Tab
from tests.pushes import entry, push
from tests.stored import make_dead, statuses
from workers.database import Database
from workers.settle import settle
from workers.sweeper.loop import Sweeper

Rows = Connection[dict[str, Any]]


@pytest.fixture
def warned(database: Database) -> Entry:
    """A push with a warning, beside one of somebody else."""
    body = push("call-one")
    body["callee"]["due_date"] = "2021-02-30"
    one = entry(body)
    settle(database, [one, entry(push("call-two", "+6281200000002"))])
    return one


def test_number_is_found(tab: Tab, warned: Entry) -> None:
    """By the keyboard alone, from the first page to the push; back leads to what was found."""
    page = tab.page
    page.get_by_role("link", name="Pushes").first.press("Enter")
    page.get_by_label("Any id or number").fill("0062 812 3456 7890")
    page.keyboard.press("Enter")

    expect(page.get_by_text("Only pushes of …90.")).to_be_visible()
    assert "3456" not in page.url
    expect(page.get_by_role("row")).to_have_count(2)
    page.locator("tbody a").first.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(str(warned.uuid)[-12:])
    page.go_back()
    expect(page.get_by_text("Only pushes of …90.")).to_be_visible()


def test_filter_is_kept_and_cleared(tab: Tab, warned: Entry) -> None:
    """What was chosen stands in the form of the page that it leads to."""
    page = tab.go("/pushes")
    page.get_by_label("Outcome").select_option("normalised")
    page.get_by_label("Since (UTC)").fill("2020-01-02T03:04:05")
    page.get_by_role("button", name="Search").click()

    expect(page.get_by_label("Outcome")).to_have_value("normalised")
    expect(page.get_by_label("Since (UTC)")).to_have_value("2020-01-02T03:04:05")
    expect(page.get_by_role("row")).to_have_count(3)
    page.get_by_role("link", name="Clear").click()
    expect(page.get_by_label("Outcome")).to_have_value("")


def test_warning_leads_to_its_value(tab: Tab, warned: Entry) -> None:
    """Masked, then as it came; the value is in sight."""
    page = tab.go(f"/pushes/{warned.uuid}")
    expect(page.locator("mark")).to_have_text("text of 10")
    page.get_by_role("button", name="Show personal data").click()

    expect(page.locator("mark")).to_have_text('"2021-02-30"')
    page.get_by_role("link", name="$.callee.due_date").click()
    expect(page.locator("mark")).to_be_in_viewport()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download it as it came").click()
    assert download.value.path().read_bytes() == warned.body
    page.get_by_role("button", name="Mask personal data").click()
    expect(page.locator("mark")).to_have_text("text of 10")


def test_push_is_replayed(tab: Tab, connection: Rows, sweeper: Sweeper) -> None:
    """From the list of dead ones to its rows, and seen on its page afterwards."""
    make_dead(connection, one := entry(push("call-one")))
    page = tab.go("/pushes?status=dead")
    page.locator("tbody a").first.click()
    page.get_by_role("link", name="Replay: what would change?").click()
    expect(page.get_by_role("cell", name="call_attributes")).to_be_visible()
    page.get_by_label("Why").fill("mended")
    page.get_by_role("button", name="Replay it").click()

    page.wait_for_url("**/replays/*")
    sweeper.run_once()
    assert statuses(connection) == ["normalised"]
    page = tab.go(f"/pushes/{one.uuid}")
    replayed = page.get_by_role("listitem").filter(has_text="replayed")
    expect(replayed).to_contain_text("alice (console)")
    expect(replayed).to_contain_text("mended")
