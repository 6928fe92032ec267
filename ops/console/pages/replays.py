"""The pages of replays: the newest, and how far one is."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ops import queries
from ops.console.acting import acting, who
from ops.console.asking import ask, shared
from ops.console.reading import number_in_path
from ops.console.rendering import render
from ops.repair.following import STILL_SECONDS
from ops.repair.replays import ReplayState, find_replay, newest_replays, stop_replay

SHARED_SECONDS = 1.5
"""Less than from one refreshing of the page to its next"""
SHOWN = 50


async def show_newest(request: Request) -> Response:
    """The newest replays."""
    replays = await shared(request, SHARED_SECONDS, queries.answered, newest_replays, SHOWN)
    return render(request, "replays.html", replays=replays, most=SHOWN)


async def show(request: Request) -> Response:
    """One replay."""
    replay = _there(await ask(request, queries.answered, find_replay, number_in_path(request)))
    return render(request, "replay.html", replay=replay, still_seconds=STILL_SECONDS)


async def show_progress(request: Request) -> Response:
    """The part that refreshes itself until the replay ends."""
    found = await shared(request, SHARED_SECONDS, queries.answered, find_replay, number_in_path(request))
    return render(request, "_replay.html", replay=_there(found), still_seconds=STILL_SECONDS)


async def stop(request: Request) -> Response:
    """Feed nothing more of it. Of two operators who stop it one is too late, and sees so."""
    await acting(request)
    replay_id = number_in_path(request)
    await ask(request, queries.answered, stop_replay, who(request), replay_id)
    return RedirectResponse(f"/replays/{replay_id}", 303)


def _there(replay: ReplayState | None) -> ReplayState:
    if replay is None:
        raise HTTPException(404, "There is no replay of this number.")
    return replay


ROUTES = [
    Route("/replays", show_newest),
    Route("/replays/{number:int}", show),
    Route("/replays/{number:int}/progress", show_progress),
    Route("/replays/{number:int}/stop", stop, methods=["POST"]),
]
