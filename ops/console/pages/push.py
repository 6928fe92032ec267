"""The page of one push: its story, its body, its rows, other deliveries of its call."""

from __future__ import annotations

from uuid import UUID

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ops.console.acting import is_unmasked
from ops.console.asking import ask
from ops.console.handles import hide
from ops.console.rendering import render
from ops.search.filters import IN_FLIGHT
from ops.search.seen import SeenPush, callee_number_of, raw_body, see_push

NOT_THERE = (
    "No push has this id: it was mistyped, its raw push is older than INGEST_RETENTION_DAYS, or it never came here."
)


async def show(request: Request) -> Response:
    """The page."""
    seen = await _seen(request)
    return render(request, "push.html", seen=seen, is_stored=seen.push.status != IN_FLIGHT)


async def download(request: Request) -> Response:
    """The body as it came, for an operator who has asked to see this push unmasked."""
    push_id = push_id_of(request)
    if not is_unmasked(request, f"/pushes/{push_id}"):
        raise HTTPException(403, "A body is personal data: first press “Show personal data” on the push's page.")
    body = await ask(request, raw_body, push_id)
    if body is None:
        raise HTTPException(404, NOT_THERE)
    headers = {"Content-Disposition": f'attachment; filename="push-{push_id}.json"'}
    return Response(body, media_type="application/octet-stream", headers=headers)


async def to_contacts(request: Request) -> Response:
    """To the contacts of whom it is about: their number stands in no address, and is looked up when it is wanted."""
    number = await ask(request, callee_number_of, push_id_of(request))
    if number is None:
        raise HTTPException(404, "There is no such push, or it is about nobody whose number it says.")
    return RedirectResponse(f"/contacts/{await hide(request, number)}", 303)


async def _seen(request: Request) -> SeenPush:
    seen = await ask(request, see_push, push_id_of(request), show_personal=is_unmasked(request))
    if seen is None:
        raise HTTPException(404, NOT_THERE)
    return seen


def push_id_of(request: Request) -> UUID:
    """The id in the address of a page about one push. HTTPException 404 if it can be none."""
    try:
        return UUID(request.path_params["push_id"])
    except ValueError:
        raise HTTPException(404, NOT_THERE) from None


ROUTES = [
    Route("/pushes/{push_id}", show),
    Route("/pushes/{push_id}/body", download),
    Route("/pushes/{push_id}/contacts", to_contacts),
]
