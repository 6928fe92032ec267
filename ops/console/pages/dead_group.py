"""The page of one group of dead letters: what it is, its newest pushes, and what may be done with all of them."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ingest.settings import Settings
from ops import queries
from ops.console.acting import acting, is_unmasked, session_of, who
from ops.console.asking import ask, shared
from ops.console.choosing import SHARED_SECONDS, DeadChoice, groups_of, read_choice
from ops.console.json_text import pretty
from ops.console.reading import needed_reason, read_reason
from ops.console.rendering import render
from ops.days import read_moment
from ops.repair.background import start_discard
from ops.repair.causes import show_group
from ops.repair.dry_run import dry_run
from ops.repair.dry_run_rows import DryRunRows, dry_run_rows
from ops.repair.groups import DeadGroup
from ops.repair.replays import join_replay
from workers.selection import Selection

SHOWN_PUSHES = 20
TRIED_PUSHES = 50
"""The oldest of a group, of which a dry run is made: each costs what its replay costs."""


async def show(request: Request) -> Response:
    """The page."""
    choice = read_choice(request.query_params)
    group = await _find(request, choice)
    found = await ask(request, queries.answered, show_group, group, choice.selection, SHOWN_PUSHES)
    return render(request, "dead_group.html", found=found, choice=choice, pretty=pretty)


async def show_replay(request: Request) -> Response:
    """The effect that a replay of the group would have, for operators: it locks rows for a moment."""
    if not session_of(request).may_act:
        raise HTTPException(403, "To look at what a replay would change takes the role operator.")
    choice = read_choice(request.query_params)
    group = await _find(request, choice)
    tried = msgspec.structs.replace(choice.of_group(group), limit=TRIED_PUSHES)
    rows = await shared(request, SHARED_SECONDS, _try, tried, show_personal=is_unmasked(request))
    return render(request, "dead_replay.html", cause=group, choice=choice, rows=rows)


async def replay(request: Request) -> Response:
    """Begin a replay of the group, or join the one that is running."""
    fields = await acting(request)
    choice = read_choice(request.query_params)
    group = await _find(request, choice)
    chosen = choice.of_group(group)
    replay_id = await ask(request, queries.answered, join_replay, who(request), chosen, read_reason(fields))
    if replay_id is None:
        raise HTTPException(409, "None of these pushes is dead any more: somebody has replayed or discarded them.")
    return RedirectResponse(f"/replays/{replay_id}", 303)


async def discard(request: Request) -> Response:
    """Begin to discard those of the group that the operator has seen."""
    fields = await acting(request)
    reason = needed_reason(fields)
    choice = read_choice(request.query_params)
    group = await _find(request, choice)
    chosen = _until_seen(choice.of_group(group), fields.get("last_seen", ""))
    action_id = await ask(request, start_discard, who(request), chosen, reason)
    return RedirectResponse(f"/actions/{action_id}", 303)


async def _find(request: Request, choice: DeadChoice) -> DeadGroup:
    """The group of the address. HTTPException 404 if no dead letter is in it, 422 if a condition cannot be read.

    Without that condition more would be replayed or discarded than was meant.
    """
    if choice.wrong:
        raise HTTPException(422, "; ".join(f"{name}: {words}" for name, words in choice.wrong.items()))
    fingerprint = request.path_params["fingerprint"]
    found = next((one for one in await groups_of(request, choice) if one.fingerprint == fingerprint), None)
    if found is None:
        raise HTTPException(
            404, "No dead letters are of this cause now. Those that were have been replayed or discarded: see Actions."
        )
    return found


def _until_seen(selection: Selection, last_seen: str) -> Selection:
    """Without those that came after the last one which the operator saw."""
    try:
        until = read_moment(last_seen) + timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise HTTPException(422, "This form is not as the page has it. Go back, and reload the page.") from None
    return msgspec.structs.replace(selection, until=min(until, selection.until or until))


def _try(current: Settings, selection: Selection, *, show_personal: bool) -> DryRunRows:
    return dry_run_rows(dry_run(current.database_url, selection), show_personal=show_personal)


ROUTES = [
    Route("/dead/{fingerprint}", show),
    Route("/dead/{fingerprint}/replay", show_replay),
    Route("/dead/{fingerprint}/replay", replay, methods=["POST"]),
    Route("/dead/{fingerprint}/discard", discard, methods=["POST"]),
]
