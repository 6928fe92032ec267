"""A console for tests: the real application on a real socket, with an operator and a viewer who have logged in."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from ingest import settings
from ops.console.app import create_console
from ops.users import Role, line_of
from tests.debian import needs
from tests.logins import Logins
from tests.processes import wait_until

PASSWORD = "right horse"
_PATIENCE_MS = 60_000
expect.set_options(timeout=_PATIENCE_MS)


@cache
def user_line(name: str, role: Role) -> str:
    """A line of the file of users: its hash takes a while to make."""
    return line_of(name, role, PASSWORD)


@dataclass(frozen=True)
class Console:
    """Where it is, and two who have logged in."""

    url: str
    users_file: Path
    operator: httpx.Client
    viewer: httpx.Client

    def post(self, client: httpx.Client, path: str, **fields: str) -> httpx.Response:
        """Post a form as one of the pages would."""
        return client.post(path, data={"csrf": csrf_of(client.get("/").text), **fields})


def csrf_of(page: str) -> str:
    """What a page's forms carry."""
    return page.partition('name="csrf" value="')[2].partition('"')[0]


@contextmanager
def logged_in(url: str, name: str) -> Iterator[httpx.Client]:
    """A client with a session of a user."""
    with httpx.Client(base_url=url, timeout=60) as client:
        answer = client.post("/login", data={"name": name, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        yield client


@pytest.fixture
def console(environment: None, logins: Logins, tmp_path: Path) -> Iterator[Console]:
    """A console on the tests' servers, with the rights of its role and no more."""
    users_file = tmp_path / "users"
    users_file.write_text("\n".join([user_line("alice", Role.OPERATOR), user_line("vera", Role.VIEWER)]))
    environ = {**os.environ, "DATABASE_URL": logins.console, "INGEST_CONSOLE_USERS_FILE": str(users_file)}
    with serving(environ) as url, logged_in(url, "alice") as operator, logged_in(url, "vera") as viewer:
        yield Console(url, users_file, operator, viewer)


@contextmanager
def serving(environ: Mapping[str, str]) -> Iterator[str]:
    """A console with these settings; its URL."""
    with listening() as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app = create_console(settings.load({**environ, "DASHBOARD_PORT": str(listener.getsockname()[1])}))
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, log_level="error", ws="none"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            wait_until(lambda: server.started, "the console listens")
            yield url
        finally:
            server.should_exit = True
            thread.join()


def listening() -> socket.socket:
    """A socket on a free port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    return listener


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. Playwright's event loop runs as long as it does, and `asyncio.run` refuses to run beside it:
    it ends before the next file's tests, which may need that."""
    program = needs("chromium")
    with sync_playwright() as playwright:
        # Root has no sandbox to put it in; what it opens are our own pages.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass(frozen=True)
class Tab:
    """A page in the browser, and what went wrong in it."""

    page: Page
    complaints: list[str]

    def go(self, path: str) -> Page:
        """Open a page of the console."""
        self.page.goto(path)
        return self.page


@contextmanager
def open_tab(browser: Browser, console: Console, name: str, **options: Any) -> Iterator[Tab]:
    """A tab of a user who has logged in."""
    context = browser.new_context(base_url=console.url, **options)
    try:
        yield _log_in(context, name)
    finally:
        context.close()


def _log_in(context: BrowserContext, name: str) -> Tab:
    context.set_default_timeout(_PATIENCE_MS)
    page = context.new_page()
    tab = Tab(page, [])
    page.on("pageerror", lambda error: tab.complaints.append(str(error)))
    page.on("console", lambda line: tab.complaints.append(line.text) if line.type == "error" else None)
    page.on("dialog", lambda dialog: tab.complaints.append(f"dialog: {dialog.message}"))
    page.goto("/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/")
    return tab


@pytest.fixture
def tab(browser: Browser, console: Console) -> Iterator[Tab]:
    """An operator's tab: no script in it may fail, and none but ours may want to run."""
    with open_tab(browser, console, "alice") as tab:
        yield tab
        assert tab.complaints == []
