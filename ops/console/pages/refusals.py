"""The page Refusals: what was refused and why, from where, and which sources may push and do."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ops.console.asking import shared
from ops.console.charts import SHARED_SECONDS, SPAN_WORDS, TITLES, Chart, span_of
from ops.console.rendering import render
from ops.refusals import refused, sources
from ops.refusals.reasons import REASONS


async def show(request: Request) -> Response:
    """The page."""
    return await _render(request, "refusals.html")


async def show_facts(request: Request) -> Response:
    """The part that refreshes itself."""
    return await _render(request, "_refusals.html")


async def _render(request: Request, template: str) -> Response:
    span = span_of(request)
    what, who = await asyncio.gather(
        shared(request, SHARED_SECONDS, refused.look, span), shared(request, SHARED_SECONDS, sources.look)
    )
    chart = Chart("refusals", *TITLES["refusals"], what.slots, what.by_reason) if what.slots else None
    owners = {token.fingerprint: one.name for one in who.sources for token in one.tokens}
    return render(
        request,
        template,
        refused=what,
        sources=who,
        chart=chart,
        reasons=REASONS,
        owners=owners,
        errors=list(dict.fromkeys([*what.errors, *who.errors])),
        span=span,
        spans=SPAN_WORDS,
    )


ROUTES = [Route("/refusals", show), Route("/refusals/facts", show_facts)]
