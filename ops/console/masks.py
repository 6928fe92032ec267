"""Masks: an operator may see what is masked on one page, and that is recorded; or have it masked again."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ingest.settings import Settings
from ops import queries
from ops.console.acting import acting, session_of, who
from ops.console.asking import ask
from ops.console.login import is_own_path
from ops.console.pages import PAGES
from ops.repair.actions import begin_action, end_action

MOST_CHARACTERS = 2000
"""Of a page's address, as it is recorded"""


async def unmask(request: Request) -> Response:
    """Show what is masked on a page."""
    page = _page(await acting(request))
    await ask(request, _record, who(request), page)
    session_of(request).unmask(page.partition("?")[0])
    return RedirectResponse(page, 303)


async def mask(request: Request) -> Response:
    """Mask it again."""
    page = _page(await acting(request))
    session_of(request).mask(page.partition("?")[0])
    return RedirectResponse(page, 303)


def _page(fields: dict[str, str]) -> str:
    page = fields.get("page", "")
    path = page.partition("?")[0]
    if not is_own_path(page) or len(page) > MOST_CHARACTERS or not any(one.path_regex.match(path) for one in PAGES):
        raise HTTPException(422, "This is no page of the console.")
    return page


def _record(current: Settings, operator: str, page: str) -> None:
    # Before anything is shown: what cannot be recorded is not seen.
    with queries.connect(current) as connection, connection.transaction():
        end_action(connection, begin_action(connection, operator, "console unmask", {"page": page}, pushes=None))


ROUTES = [
    Route("/unmask", unmask, methods=["POST"]),
    Route("/mask", mask, methods=["POST"]),
]
