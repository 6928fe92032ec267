"""What holds of every page: nothing personal unless asked for, no stranger's script, light, and for everybody."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from ingest.kinds import KINDS
from ops.console.pages import PAGES
from ops.console.rendering import STATIC
from tests.console.conftest import Console, open_tab
from tests.console.crawl import Links, walk
from tests.marked_by_kinds import told_by
from tests.persons import MARK, NUMBER, SPELT
from tests.pushes import entry, push
from workers.database import Database
from workers.settle import settle

MOST_BYTES = 200_000
EVIL = "</script></title><script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}<!--"
"""A stranger's text that would run if one page did not escape it"""
# fmt: off
OURS = {
    "a", "article", "bdi", "body", "button", "caption", "code", "datalist", "dd", "details", "div", "dl", "dt", "em",
    "fieldset", "figcaption", "figure", "form", "h1", "h2", "h3", "head", "header", "html", "input", "label",
    "legend", "li", "link", "main", "mark", "meta", "meter", "nav", "ol", "option", "p", "pre", "progress",
    "script", "section", "select", "small", "span", "strong", "summary", "table", "tbody", "td", "textarea",
    "tfoot", "th", "thead", "time", "title", "tr", "ul",
}
# fmt: on
"""Every tag that our templates have"""


@pytest.fixture
def evil_texts(database: Database, connection: Any) -> None:
    """Pushes of each kind in which every text that could be anybody's is one that would run."""
    for kind in KINDS:
        told = told_by(kind, NUMBER, EVIL)
        settle(database, [msgspec.structs.replace(entry(body), kind=kind) for body in told])
    names = push("c1", workflow_id=EVIL, workflow_name=EVIL, node_id=EVIL, node_name=EVIL)
    dead = [entry([EVIL]), entry(f"{EVIL}".encode()), entry({"call": EVIL, EVIL: EVIL})]
    settle(database, [entry(names), *dead])


@pytest.mark.usefixtures("person")
def test_nothing_personal_is_shown(console: Console) -> None:
    """Neither a viewer nor an operator who has not asked sees a number, a name, a case id or a word of anybody."""
    for client in (console.viewer, console.operator):
        seen = list(walk(client))
        assert len(seen) > 1
        for page in seen:
            assert MARK not in page.text, page.address
            for spelling in (NUMBER, *SPELT, "81234567890"):
                assert spelling not in page.text, page.address
                assert spelling not in page.address


@pytest.mark.usefixtures("evil_texts")
def test_stranger_adds_no_tag(console: Console) -> None:
    """A page has the tags and attributes of our templates, whatever the texts in it are."""
    for page in walk(console.operator):
        parsed = Links(page.text)
        assert set(parsed.tags) <= OURS, page.address
        assert not [name for name in parsed.attributes if name.startswith("on") or name == "style"], page.address
        assert "<script>alert" not in page.text


@pytest.mark.usefixtures("person")
def test_pages_are_light(console: Console) -> None:
    """A page weighs less than 200 kB, with all that the browser loads for it the first time."""
    shared = sum(path.stat().st_size for path in STATIC.rglob("*") if path.suffix in (".js", ".css", ".svg"))
    for page in walk(console.viewer):
        assert shared + len(page.text.encode()) < MOST_BYTES, page.address


@pytest.mark.usefixtures("evil_texts")
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 320)])
def test_everybody_can_use_it(console: Console, browser: Browser, scheme: Any, width: int) -> None:
    """In a browser no stranger's script runs, axe-core finds nothing serious, and nothing is wider than the screen."""
    forms = {page.form: page.address for page in walk(console.operator) if page.text.startswith("<!doctype")}
    with open_tab(browser, console, "alice", color_scheme=scheme, viewport={"width": width, "height": 800}) as tab:
        for address in forms.values():
            page = tab.go(address)
            found = Axe().run(page).response["violations"]
            serious = [one["id"] for one in found if one["impact"] in ("serious", "critical")]
            details = [node["html"][:200] for one in found if one["id"] in serious for node in one["nodes"]][:5]
            assert not serious, (address, serious, details)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        assert tab.complaints == []


def test_pages_of_an_empty_installation(console: Console) -> None:
    """Before the first push each page is there, and says what to do or that there is nothing."""
    seen = {page.form for page in walk(console.operator)}
    assert {one.path for one in PAGES if "{" not in one.path and "GET" in (one.methods or ())} <= seen
