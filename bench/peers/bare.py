"""The ceiling: reads the body, answers `{}`, keeps nothing."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def _push(request: Request) -> JSONResponse:
    await request.body()
    return JSONResponse({})


app = Starlette(routes=[Route("/airudder/custom-api", _push, methods=["POST"])])
