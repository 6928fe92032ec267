"""The charts of the page Now, and a page with all figures of one of them."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ops.console.asking import shared
from ops.console.charts import SHARED_SECONDS, SPAN_WORDS, TITLES, chart_of, found, span_of
from ops.console.rendering import render
from ops.history.look import look


async def show_charts(request: Request) -> Response:
    """The part that refreshes itself."""
    return render(request, "_charts.html", **await found(request))


async def show_figures(request: Request) -> Response:
    """All figures of one chart as a table."""
    name, span = request.path_params["chart"], span_of(request)
    if name not in TITLES:
        raise HTTPException(404)
    history = await shared(request, SHARED_SECONDS, look, span)
    return render(request, "figures.html", chart=chart_of(history, name), span=span, spans=SPAN_WORDS)


ROUTES = [Route("/now/charts", show_charts), Route("/now/figures/{chart}", show_figures)]
