"""The page Settings: as they are in force in this process, versions, and the checks of `ingest doctor`."""

from __future__ import annotations

from itertools import groupby

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ops.console.asking import ask, shared
from ops.console.rendering import render
from ops.doctor.everything import check_everything
from ops.doctor.versions import of_programs, of_servers
from ops.in_force import in_force

SHARED_SECONDS = 10.0
"""The checks store a push in each server, and take it back"""


async def show(request: Request) -> Response:
    """The page; with the checks, if they are asked for."""
    found = await ask(request, in_force)
    sections = [(section, list(ones)) for section, ones in groupby(found, lambda one: one.section)]
    servers = await shared(request, SHARED_SECONDS, of_servers)
    wants_checks = bool(request.query_params.get("checks"))
    checks = await shared(request, SHARED_SECONDS, check_everything) if wants_checks else None
    versions = [*of_programs(), *servers]
    return render(request, "settings.html", sections=sections, versions=versions, checks=checks)


ROUTES = [Route("/settings", show)]
