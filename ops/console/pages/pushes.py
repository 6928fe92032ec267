"""The page Pushes: the newest ones, or those that a filter in the address means, page by page."""

from __future__ import annotations

import functools
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ingest.kinds import KINDS
from ingest.kinds.reading.identifiers import storable
from ops.console.acting import is_unmasked, posted
from ops.console.asking import ask
from ops.console.handles import hide, unhide
from ops.console.rendering import render
from ops.identifiers import typed_uuid
from ops.search.filters import MOST_CHARACTERS, STATUSES, Filter, Place, read_filter, read_place
from ops.search.pushes import STRETCH, find_pushes
from ops.trace.story import masked

FIELDS = ("id", "who", "source", "kind", "status", "workflow", "error", "group", "warned", "path", "since", "until")
"""Of the form, and of the address"""
NOT_OURS = "this link is of another database, or was cut: type the number or id again"


async def show(request: Request) -> Response:
    """The page of an address."""
    typed = _typed(dict(request.query_params))
    wanted, wrong = read_filter(typed)
    place, wrong_place = read_place(request.query_params)
    hidden = None
    if handle := typed.get("who"):
        hidden = await unhide(request, handle)
        if hidden is None:
            wrong["id"] = NOT_OURS
        else:
            wanted = msgspec.structs.replace(wanted, identifier=hidden)
    wrong |= wrong_place
    found = None
    if not wrong:
        found = await ask(request, find_pushes, wanted, place, show_personal=is_unmasked(request))
    return render(
        request,
        "pushes.html",
        422 if wrong else 200,
        found=found,
        wrong=wrong,
        typed=typed,
        address_of=functools.partial(_address, typed),
        times=_times(wanted),
        is_filtered=bool(typed),
        is_first=place is None,
        hidden=hidden and (hidden if is_unmasked(request) else masked(hidden)),
        kinds=tuple(KINDS),
        statuses=STATUSES,
        stretch=STRETCH,
    )


async def search(request: Request) -> Response:
    """The way to the address of what was typed. Numbers and case ids stand in no address as they are."""
    typed = _typed(await posted(request))
    if identifier := storable(typed.pop("id", "")):
        typed.pop("who", None)
        if typed_uuid(identifier):
            typed["id"] = identifier
        else:
            typed["who"] = await hide(request, identifier[:MOST_CHARACTERS])
    return RedirectResponse(_address(typed), 303)


def _typed(fields: dict[str, str]) -> dict[str, str]:
    return {name: text for name in FIELDS if (text := fields.get(name, "").strip())}


def _address(typed: dict[str, str], place: Place | None = None) -> str:
    """Where the pushes of a filter are, from a place on."""
    fields = {**typed, **(place.as_query() if place else {})}
    return f"/pushes?{urlencode(fields)}" if fields else "/pushes"


def _times(wanted: Filter) -> dict[str, str]:
    """As a browser's field for a time reads it."""
    times: dict[str, Any] = {"since": wanted.since, "until": wanted.until}
    return {name: f"{at:%Y-%m-%dT%H:%M:%S}" for name, at in times.items() if at}


ROUTES = [Route("/pushes", show), Route("/pushes", search, methods=["POST"])]
