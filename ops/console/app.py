"""The console's application: its pages, behind the gate and the login."""

from __future__ import annotations

import logging
from http import HTTPStatus
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingest.errors import IngestError, describe
from ingest.settings import Settings
from ops.console import login, masks
from ops.console.asking import Asker
from ops.console.batches import rq_dashboard
from ops.console.gate import Gate
from ops.console.login import Door
from ops.console.pages import PAGES
from ops.console.rendering import STATIC, render
from ops.users import Users

OPEN_PATHS = ("/login", "/static/", "/favicon.ico")
"""Shown to everybody who reaches the console"""
YEAR = 31_536_000

_log = logging.getLogger("dashboard")


def create_console(current: Settings) -> Starlette:
    """Build the application. Raises SettingError."""
    users = Users(current)
    app = Starlette(
        routes=[
            *login.ROUTES,
            *masks.ROUTES,
            *PAGES,
            Mount("/static", _Static(directory=STATIC)),
            Mount("/rq", _ForOperators(rq_dashboard(current))),
        ],
        middleware=[Middleware(Gate), Middleware(_Entrance), Middleware(_Foreseen)],
        exception_handlers={HTTPException: _refused, IngestError: _away},
    )
    app.state.asker = Asker(current)
    app.state.door = Door(users, current.operator if current.is_console_open else None, current.dashboard_port)
    return app


class _Entrance:
    """Lets users through, and leads others to the login."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and not scope["path"].startswith(OPEN_PATHS):
            request = Request(scope)
            try:
                session = login.door_of(request).session(request)
            except IngestError as error:
                await _unknown(error)(scope, receive, send)
                return
            if session is None:
                await _to_login(request)(scope, receive, send)
                return
            scope.setdefault("state", {})["session"] = session
        await self._app(scope, receive, send)


def _to_login(request: Request) -> Response:
    if request.headers.get("hx-request"):
        # A part of a page cannot become a login: the whole page goes there, and comes back.
        page = request.headers.get("hx-current-url", "").partition("://")[2].partition("#")[0]
        return Response(status_code=401, headers={"HX-Redirect": _way_to_login("/" + page.partition("/")[2])})
    if request.method not in ("GET", "HEAD"):
        return PlainTextResponse("log in first\n", 401)
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(_way_to_login(request.url.path + query), 303)


def _way_to_login(then: str) -> str:
    return f"/login?then={quote(then, safe='/')}"


class _Foreseen:
    """Tells of a page that fails by type and place: a traceback may hold what the page was about."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        is_begun = False

        async def send_noting(message: Message) -> None:
            nonlocal is_begun
            is_begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except Exception as error:  # of any kind
            _log.error("a page failed: %s", describe(error))
            if not is_begun:
                answer = _error(Request(scope), 500, "This page has failed. The console's log says where.")
                await answer(scope, receive, send)


class _ForOperators:
    """Lets operators through: rq-dashboard knows no roles, and its buttons act."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope)
        if request.method not in ("GET", "HEAD") and not request.state.session.may_act:
            await PlainTextResponse("that takes the role operator\n", 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)


class _Static(StaticFiles):
    """Our files, each under an address that changes when it does."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """A file, to be kept by the browser."""
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
        return response


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = error.detail
    if words == HTTPStatus(error.status_code).phrase:
        words = "There is no such page." if error.status_code == 404 else words
    return _error(request, error.status_code, words)


async def _away(request: Request, error: Exception) -> Response:
    return _error(request, 503, str(error)) if _has_session(request) else _unknown(error)


def _unknown(error: Exception) -> Response:
    """To somebody of whom it cannot be said who they are: strangers are told nothing of our files."""
    _log.error("nobody gets in: %s", error)
    return PlainTextResponse("The console cannot tell who you are now. Its log says why.\n", 503)


def _has_session(request: Request) -> bool:
    return getattr(request.state, "session", None) is not None


def _error(request: Request, status: int, words: str) -> Response:
    if not _has_session(request):
        return PlainTextResponse(f"{words}\n", status)
    template = "_error.html" if request.headers.get("hx-request") else "error.html"
    return render(request, template, status, words=words, status=status)
