"""The page of dead letters: by what they died of, the largest group first."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ingest.kinds import KINDS
from ops import queries
from ops.console.asking import ask
from ops.console.choosing import groups_of, read_choice
from ops.console.json_text import pretty
from ops.console.reading import number_in_query
from ops.console.rendering import render
from ops.repair.causes import causes_of

SHOWN = 25
"""Groups on a page"""


async def show(request: Request) -> Response:
    """The page."""
    choice = read_choice(request.query_params)
    skip = number_in_query(request, "skip") or 0
    groups = await groups_of(request, choice)
    shown = await ask(request, queries.answered, causes_of, groups[skip:][:SHOWN])
    return render(
        request,
        "dead.html",
        shown=shown,
        groups=len(groups),
        pushes=sum(group.pushes for group in groups),
        skip=skip,
        following=skip + SHOWN if skip + SHOWN < len(groups) else None,
        choice=choice,
        kinds=list(KINDS),
        pretty=pretty,
    )


ROUTES = [Route("/dead", show)]
