"""The page of dead letters: by what they died of, the largest group first."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ingest.kinds import KINDS
from ops import queries
from ops.console.asking import shared
from ops.console.choosing import read_choice
from ops.console.json_text import pretty
from ops.console.reading import number_in_query
from ops.console.rendering import render
from ops.repair.causes import dead_causes

SHARED_SECONDS = 5.0
"""It reads an index of all dead letters"""
SHOWN = 25
"""Groups on a page"""


async def show(request: Request) -> Response:
    """The page."""
    choice = read_choice(request.query_params)
    skip = number_in_query(request, "skip") or 0
    found = await shared(request, SHARED_SECONDS, queries.answered, dead_causes, choice.selection, SHOWN, skip)
    following = skip + SHOWN if skip + SHOWN < found.groups else None
    return render(
        request,
        "dead.html",
        found=found,
        skip=skip,
        following=following,
        choice=choice,
        kinds=list(KINDS),
        pretty=pretty,
    )


ROUTES = [Route("/dead", show)]
