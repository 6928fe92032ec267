"""The page Now: whether a person is needed, and where pushes are."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ingest.settings import Settings
from ops.console import charts
from ops.console.asking import shared
from ops.console.rendering import render
from ops.problems.find import find_problems
from ops.problems.problem import RUNBOOK, Problem
from ops.status.facts import Facts, RefusedLately, Settled
from ops.status.gather import gather

SHARED_SECONDS = 4.0
"""Less than from one refreshing of a page to its next"""
SHOWN_REFUSALS = 8

_PAGES = {
    "dead-letters": "/dead",
    "refusals": "/refusals",
    "a-source-is-silent": "/refusals",
    "pushes-come-late": "/pushes?status=pending",
}
"""By the page of the runbook: where to look at such a problem"""


class Seen(msgspec.Struct, frozen=True):
    """All that the page shows."""

    facts: Facts
    problems: list[Problem]

    @property
    def state(self) -> str:
        """The worst of it, in a word: lost, waits or well."""
        return next((one.bad for one in self.problems if one.needs_a_person), "well")

    @property
    def acknowledged(self) -> int:
        """Pushes of the last day."""
        return sum(self.facts.redis.acknowledged_last_24_hours.values())

    @property
    def settled(self) -> Settled | None:
        """All sources and kinds of the last quarter of an hour, the slowest lag of any."""
        parts = self.facts.postgres.settled
        if not parts:
            return None
        added = {name: sum(getattr(one, name) for one in parts) for name in _ADDED}
        worst: dict[str, Any] = {name: max(getattr(one, name) for one in parts) for name in ("lag_median", "lag_most")}
        return msgspec.structs.replace(parts[0], source="", kind="", **added, **worst)

    @property
    def refused(self) -> list[RefusedLately]:
        """The refusals of the last quarter of an hour, the most frequent first."""
        return sorted(self.facts.redis.refused_lately, key=lambda one: -one.requests)[:SHOWN_REFUSALS]

    @property
    def sources(self) -> list[tuple[str, datetime]]:
        """Each source and its last push, the latest first."""
        return sorted(self.facts.redis.last_push_at.items(), key=lambda one: one[1], reverse=True)


_ADDED = ("normalised", "duplicate", "dead", "last_minute")


def look(current: Settings) -> Seen:
    """Everything, at one moment."""
    facts = gather(current)
    return Seen(facts, find_problems(facts))


def page_of(problem: Problem) -> str | None:
    """The page of the console that shows more of a problem."""
    return _PAGES.get(problem.page.removeprefix(RUNBOOK))


async def show(request: Request) -> Response:
    """The page."""
    seen, how_it_went = await asyncio.gather(shared(request, SHARED_SECONDS, look), charts.found(request))
    return render(request, "now.html", seen=seen, page_of=page_of, **how_it_went)


async def show_facts(request: Request) -> Response:
    """The part that refreshes itself."""
    return render(request, "_now.html", seen=await shared(request, SHARED_SECONDS, look), page_of=page_of)


ROUTES = [Route("/", show), Route("/now/facts", show_facts)]
