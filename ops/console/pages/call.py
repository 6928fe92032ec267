"""The page of one call: its facts, and what was said as a conversation."""

from __future__ import annotations

import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ops.campaigns.call import MOST_ADDED, find_call
from ops.console.acting import is_unmasked
from ops.console.addresses import call_address, from_path
from ops.console.asking import ask
from ops.console.handles import hide
from ops.console.rendering import render


async def show(request: Request) -> Response:
    """The call, with its transcript from a turn on."""
    source, call_id = (from_path(request.path_params[name]) for name in ("source", "call_id"))
    turn = request.query_params.get("turn", "1")
    first = int(turn) if turn.isascii() and turn.isdigit() and len(turn) < 10 else 1
    found = await ask(request, find_call, source, call_id, first, unmasked=is_unmasked(request))
    if found is None:
        raise HTTPException(404, "There is no call of this id and source. Its push may be in flight, or dead.")
    handle = await hide(request, found.number) if found.number else None
    return render(
        request, "call.html", found=found, first=first, handle=handle, address=call_address(source, call_id),
        most_added=MOST_ADDED, as_text=as_text,
    )  # fmt: skip


def as_text(value: Any) -> str:
    """JSON as it is read."""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


ROUTES = [Route("/calls/{source}/{call_id:path}", show)]
