"""The page of a day's campaigns."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ops.campaigns.day import MOST_CALLS, MOST_WITHOUT_START, campaigns_of
from ops.console.asking import shared
from ops.console.chosen_day import chosen_day
from ops.console.rendering import render

SHARED_SECONDS = 30.0
"""A large day takes a second to count"""


async def show(request: Request) -> Response:
    """The workflows of the day."""
    chosen = chosen_day(request)
    found = await shared(request, SHARED_SECONDS, campaigns_of, chosen.zone, chosen.day)
    return render(
        request,
        "campaigns.html",
        chosen=chosen,
        found=found,
        most_calls=MOST_CALLS,
        most_without_start=MOST_WITHOUT_START,
    )


ROUTES = [Route("/campaigns", show)]
