"""The page of a person's contacts. Their number stands in no address: a handle does."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ops.campaigns.contacts import MOST_LOOKED_AT, contacts_of
from ops.console.acting import is_unmasked, posted
from ops.console.asking import ask
from ops.console.handles import hide, unhide
from ops.console.rendering import render

LONGEST_NUMBER = 100


async def show_form(request: Request) -> Response:
    """Whose contacts?"""
    return render(request, "contacts.html", found=None, wrong="", start=0)


async def look(request: Request) -> Response:
    """To the page of a number that was typed, by anybody: no number is shown there that is not typed here."""
    number = (await posted(request)).get("number", "").replace("\0", "").strip()
    if not any(character.isdigit() for character in number) or len(number) > LONGEST_NUMBER:
        wrong = "Type a telephone number, such as +62 812 3456 7890."
        return render(request, "contacts.html", 422, found=None, wrong=wrong, start=0)
    return RedirectResponse(f"/contacts/{await hide(request, number)}", 303)


async def show(request: Request) -> Response:
    """A page of the contacts."""
    number = await unhide(request, request.path_params["handle"])
    if number is None:
        raise HTTPException(404, "This address is of no number: it may be of another console. Type the number again.")
    start = request.query_params.get("start", "0")
    start_at = int(start) if start.isascii() and start.isdigit() and len(start) < 10 else 0
    found = await ask(request, contacts_of, number, start_at, unmasked=is_unmasked(request))
    return render(request, "contacts.html", found=found, wrong="", start=start_at, most_looked_at=MOST_LOOKED_AT)


ROUTES = [
    Route("/contacts", show_form),
    Route("/contacts", look, methods=["POST"]),
    Route("/contacts/{handle}", show),
]
