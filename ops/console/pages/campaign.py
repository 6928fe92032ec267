"""The page of one workflow's day, with parts that take longer: its week by hour, and its nodes."""

from __future__ import annotations

import math
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ops.campaigns.calls import calls_of, place_of
from ops.campaigns.day import MOST_CALLS, Workflow
from ops.campaigns.nodes import funnel_of
from ops.campaigns.workflow import MOST_CALLS_OF_WEEK, week_of, workflow_day
from ops.console.acting import is_unmasked
from ops.console.addresses import campaign_address, from_path
from ops.console.asking import ask, shared
from ops.console.chosen_day import ChosenDay, chosen_day
from ops.console.rendering import render

SHARED_SECONDS = 30.0
WEEK_SHARED_SECONDS = 300.0
"""A week changes slowly, and it takes a second or two to count a large one"""
STEPS = 10
"""Shades of a heat map"""


async def show(request: Request) -> Response:
    """How the workflow's calls went on the day, and the calls, a page of them."""
    workflow, chosen = _workflow(request), chosen_day(request)
    text = request.query_params.get("before")
    place = place_of(text) if text else None
    if text and place is None:
        raise HTTPException(422, "The address names no place among the calls: go back to the first page.")
    unmasked = is_unmasked(request)
    calls = await ask(request, calls_of, workflow, chosen.zone, chosen.day, place, unmasked=unmasked)
    found = await shared(request, SHARED_SECONDS, workflow_day, workflow, chosen.zone, chosen.day)
    return render(
        request, "campaign.html", found=found, calls=calls, is_first_page=place is None,
        most_calls=MOST_CALLS, **_about(workflow, chosen),
    )  # fmt: skip


async def show_week(request: Request) -> Response:
    """The week's hours, as a part of the page or as a page for who has no script."""
    workflow, chosen = _workflow(request), chosen_day(request)
    week = await shared(request, WEEK_SHARED_SECONDS, week_of, workflow, chosen.zone, chosen.day)
    return render(
        request, _template(request), part="_week.html", week=week, step=step, most_calls=MOST_CALLS_OF_WEEK,
        **_about(workflow, chosen),
    )  # fmt: skip


async def show_nodes(request: Request) -> Response:
    """The nodes as a funnel, as a part or as a page."""
    workflow, chosen = _workflow(request), chosen_day(request)
    funnel = await shared(request, SHARED_SECONDS, funnel_of, workflow, chosen.zone, chosen.day)
    return render(request, _template(request), part="_nodes.html", funnel=funnel, **_about(workflow, chosen))


def step(part: float | None, whole: float) -> int:
    """The shade of a part of a whole: 0 of nothing, then from 1 to STEPS."""
    return math.ceil(STEPS * part / whole) if part and whole else 0


def _workflow(request: Request) -> Workflow:
    source, workflow_id = (from_path(request.path_params[name]) for name in ("source", "workflow_id"))
    return source, workflow_id or None


def _template(request: Request) -> str:
    return "campaign_bare_part.html" if request.headers.get("hx-request") else "campaign_part.html"


def _about(workflow: Workflow, chosen: ChosenDay) -> dict[str, Any]:
    return {"chosen": chosen, "workflow": workflow, "address": campaign_address(*workflow)}


ROUTES = [
    Route("/campaigns/{source}/{workflow_id}/week", show_week),
    Route("/campaigns/{source}/{workflow_id}/nodes", show_nodes),
    Route("/campaigns/{source}/{workflow_id:path}", show),
]
