"""The pages of operators' actions: who did what, to how many, and why; and how far a discard is."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ops import queries
from ops.console.acting import acting, who
from ops.console.asking import ask, shared
from ops.console.reading import number_in_path, number_in_query, read_name
from ops.console.rendering import render
from ops.repair.actions import find_action, newest_actions
from ops.repair.background import find_discard, resume_discard

SHARED_SECONDS = 1.5
"""Less than from one refreshing of the page to its next"""
SHOWN = 50


async def show_newest(request: Request) -> Response:
    """The newest actions, of an operator or by a command if the address says so."""
    operator, command = _name(request, "operator"), _name(request, "command")
    before = number_in_query(request, "before")
    found = await ask(request, queries.answered, newest_actions, SHOWN, operator, command, before)
    chosen = {"operator": operator, "command": command}
    return render(request, "actions.html", found=found, chosen=chosen, before=before)


async def show(request: Request) -> Response:
    """One action; of a discard how far it is."""
    action_id = number_in_path(request)
    discard = await ask(request, queries.answered, find_discard, action_id)
    action = discard.action if discard else await ask(request, queries.answered, find_action, action_id)
    if action is None:
        raise HTTPException(404, "There is no action of this number.")
    return render(request, "action.html", action=action, discard=discard)


async def show_progress(request: Request) -> Response:
    """The part that refreshes itself until a discard ends."""
    discard = await shared(request, SHARED_SECONDS, queries.answered, find_discard, number_in_path(request))
    if discard is None:
        raise HTTPException(404)
    return render(request, "_discard.html", discard=discard)


async def resume(request: Request) -> Response:
    """Go on with a discard that was interrupted. Of two operators who ask for it one is too late, and sees so."""
    await acting(request)
    action_id = number_in_path(request)
    await ask(request, resume_discard, who(request), action_id)
    return RedirectResponse(f"/actions/{action_id}", 303)


def _name(request: Request, field: str) -> str | None:
    try:
        return read_name(request.query_params.get(field, "")) or None
    except ValueError:
        return None


ROUTES = [
    Route("/actions", show_newest),
    Route("/actions/{number:int}", show),
    Route("/actions/{number:int}/progress", show_progress),
    Route("/actions/{number:int}/resume", resume, methods=["POST"]),
]
