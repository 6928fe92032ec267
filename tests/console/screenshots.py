"""`make screenshots`: the pictures of the console in the docs, made from simulated pushes by a real browser."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.console.crawl import form_of
from tests.processes import wait_until
from tests.running_up import Up, running_up
from tests.sources import ROOT

FOLDER = ROOT / "docs" / "console"
SIZE = {"width": 1280, "height": 900}
KINDS = ("custom-api=10", "call-completed=4", "dialer=4", "chatbot-session-ended=2", "list-completed=2", "qa-report=1")
PUSH = "/pushes/{push_id}"
CAMPAIGN = "/campaigns/{source}/{workflow_id:path}"
CALL = "/calls/{source}/{call_id:path}"
DAY = ("/campaigns?day=2026-01-05",)
"""On which simulated calls are"""
PICTURES = {
    "now": ("/", "light"),
    "pushes": ("/pushes", "light"),
    "push": (PUSH, "light"),
    "dead-letters": ("/dead", "light"),
    "campaigns": ("/campaigns", "light"),
    "campaign": (CAMPAIGN, "dark"),
    "call": (CALL, "light"),
}
"""By name of the file: the form of the page's address, and the scheme of its colours"""
WAYS = {
    PUSH: ("/pushes?kind=custom-api", PUSH),
    CAMPAIGN: (*DAY, CAMPAIGN),
    CALL: (*DAY, CAMPAIGN, CALL),
    "/campaigns": DAY,
}
"""How a page is reached whose address has an id in it"""


def main() -> None:
    """Make every picture anew."""
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_up(Path(folder), INGEST_CONSOLE_OPEN="yes", INGEST_OPERATOR="alice") as up,
    ):
        _send(up)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            for name, (form, scheme) in PICTURES.items():
                context = browser.new_context(
                    base_url=f"http://127.0.0.1:{up.environ['DASHBOARD_PORT']}",
                    color_scheme="dark" if scheme == "dark" else "light",
                    viewport={"width": SIZE["width"], "height": SIZE["height"]},
                    locale="en-GB",
                    timezone_id="Asia/Jakarta",
                )
                _take(context.new_page(), name, form)
                context.close()
            browser.close()


def _send(up: Up) -> None:
    kinds = [word for kind in KINDS for word in ("--kind", kind)]
    sent = up.ingest("send", "--count", "3000", "--rate", "0", "--bad", "1%", "--retries", "1%", *kinds)
    assert sent.returncode == 0, sent.stderr
    unsettled = "SELECT count(*) FROM airudder.pushes HAVING count(*) < 3000"
    wait_until(lambda: not up.query(unsettled), "all pushes are settled")


def _take(page: Page, name: str, form: str) -> None:
    for step in WAYS.get(form, (form,)):
        answer = page.goto(_link_to(page, step) if "{" in step else step)
        assert answer is not None
        assert answer.ok, step
    page.wait_for_load_state("networkidle")
    page.screenshot(path=FOLDER / f"{name}.png")
    print(f"{FOLDER.relative_to(ROOT)}/{name}.png")  # noqa: T201 - what was made


def _link_to(page: Page, form: str) -> str:
    """The first link of a page to one of this form."""
    links = page.locator("main a[href^='/']").evaluate_all("all => all.map(one => one.getAttribute('href'))")
    return next(str(one) for one in links if form_of(str(one)) == form)


if __name__ == "__main__":
    main()
