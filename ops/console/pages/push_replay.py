"""The replay of one push: first what it would change, then do it."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ops.console.acting import acting, is_unmasked, session_of, who
from ops.console.asking import ask
from ops.console.pages.push import NOT_THERE, push_id_of
from ops.console.reading import read_reason
from ops.console.rendering import render
from ops.repair.one_push import begin_replay_of, preview_replay


async def show(request: Request) -> Response:
    """The effect that it would have, for operators: it locks rows for a moment."""
    if not session_of(request).may_act:
        raise HTTPException(403, "To look at what a replay would change takes the role operator.")
    push_id = push_id_of(request)
    preview = await ask(request, preview_replay, push_id, show_personal=is_unmasked(request))
    if preview is None:
        raise HTTPException(404, NOT_THERE)
    return render(request, "push_replay.html", preview=preview, push_id=push_id)


async def replay(request: Request) -> Response:
    """Begin it, or join the one that is running."""
    fields = await acting(request)
    replay_id = await ask(request, begin_replay_of, who(request), push_id_of(request), read_reason(fields))
    if replay_id is None:
        raise HTTPException(409, "Nothing was replayed: its outcome has changed meanwhile. Look at the push again.")
    return RedirectResponse(f"/replays/{replay_id}", 303)


ROUTES = [
    Route("/pushes/{push_id}/replay", show),
    Route("/pushes/{push_id}/replay", replay, methods=["POST"]),
]
