"""Campaigns as a team lead clicks through them: from a day to what was said in a call, and to its person."""

from __future__ import annotations

from playwright.sync_api import Browser

from tests.campaigns import NUMBER, call_of, soon
from tests.console.conftest import Console, Tab, open_tab
from workers.database import Database
from workers.settle import settle

DAY = "/campaigns?day=2026-11-24"


def test_from_the_day_to_a_call(tab: Tab, database: Database) -> None:
    """The parts that take longer come by themselves; what was said is shown to who asks."""
    settle(database, [soon(call_of("c1", said=("Yes I will",)))])
    page = tab.go(DAY)

    page.get_by_role("link", name="collections").click()
    page.get_by_role("cell", name="100 %").last.wait_for()
    page.get_by_role("heading", name="Nodes").wait_for()
    page.get_by_text("API1").wait_for()
    page.get_by_role("table", name="The newest first").get_by_role("link", name="c1").click()
    page.get_by_text("3 words, masked").wait_for()
    page.get_by_role("button", name="Show personal data").click()
    page.get_by_text("Yes I will").wait_for()
    page.get_by_role("link", name=NUMBER).click()
    page.get_by_role("heading", name="1 contact").wait_for()

    assert "3456" not in page.url


def test_contacts_by_keyboard(tab: Tab, database: Database) -> None:
    """A number is typed, and Enter shows its contacts."""
    settle(database, [soon(call_of("c1"))])
    page = tab.go("/contacts")

    page.get_by_label("Telephone number").press_sequentially("62 812-3456-7890")
    page.keyboard.press("Enter")

    page.get_by_role("link", name="c1").wait_for()
    page.go_back()
    page.get_by_text("Type a number").wait_for()


def test_readers_zone_can_be_chosen(browser: Browser, console: Console, database: Database) -> None:
    """Also one that is not among the common ones; a narrow window is no wider than it is."""
    settle(database, [soon(call_of("c1"))])
    with open_tab(
        browser, console, "vera", timezone_id="Pacific/Auckland", viewport={"width": 320, "height": 600}
    ) as tab:
        page = tab.go(DAY)
        page.get_by_label("Time zone").select_option("Pacific/Auckland")
        page.get_by_role("button", name="Show").click()
        page.get_by_text("22:01:52").first.wait_for()

        page.get_by_role("link", name="collections").click()
        page.get_by_role("table", name="Calls by hour").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert tab.complaints == []
