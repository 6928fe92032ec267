"""The page of one workflow's day, with parts that take longer: its week by hour, and its nodes."""

from __future__ import annotations

import math
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ops.campaigns.calls import OUTCOMES, CallFilter, calls_of, place_of
from ops.campaigns.day import MOST_CALLS, Workflow
from ops.campaigns.figures import letter_of
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
    meant = _meant(request)
    unmasked = is_unmasked(request)
    calls = await ask(request, calls_of, workflow, chosen.zone, chosen.day, meant, unmasked=unmasked)
    found = await shared(request, SHARED_SECONDS, workflow_day, workflow, chosen.zone, chosen.day)
    return render(
        request, "campaign.html", found=found, calls=calls, meant=meant, outcomes=OUTCOMES,
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


def _meant(request: Request) -> CallFilter:
    """Which calls an address means. HTTPException where it means none that there may be."""
    asked = {name: request.query_params.get(name) or None for name in ("intention", "outcome", "before")}
    intention, outcome, before = asked.values()
    place = place_of(before) if before else None
    is_wrong = bool(before and not place) or (outcome and outcome not in OUTCOMES)
    if is_wrong or letter_of(intention) != intention:
        raise HTTPException(422, "The address means no calls that there may be: begin at the workflow's day again.")
    return CallFilter(intention, outcome, place)


def _template(request: Request) -> str:
    return "campaign_bare_part.html" if request.headers.get("hx-request") else "campaign_part.html"


def _about(workflow: Workflow, chosen: ChosenDay) -> dict[str, Any]:
    return {"chosen": chosen, "workflow": workflow, "address": campaign_address(*workflow)}


ROUTES = [
    Route("/campaigns/{source}/{workflow_id}/week", show_week),
    Route("/campaigns/{source}/{workflow_id}/nodes", show_nodes),
    Route("/campaigns/{source}/{workflow_id:path}", show),
]
