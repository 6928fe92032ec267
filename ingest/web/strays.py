"""Strays: requests to no path of ours. A push whose URL was mistyped must be told from what scanners ask for."""

from __future__ import annotations

import re

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ingest.web import answers
from ingest.web.admission import WITH_BODY, Admission
from ingest.web.refusals import Refusals

_SLASHES = re.compile("//+")


class Strays:
    """Answers them, and counts them without their paths, which may hold a secret.

    `router`: where a path leads that has a slash too often, as of a base URL that ended with one.
    """

    def __init__(self, router: ASGIApp, admission: Admission, refusals: Refusals) -> None:
        self._router = router
        self._admission = admission
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that no route matches."""
        path = _SLASHES.sub("/", scope["path"])
        if path != scope["path"]:
            scope["path"] = path
            await self._router(scope, receive, send)
            return
        if scope["method"] in ("POST", *WITH_BODY):
            self._refusals.note("unknown path", *self._admission.traces_of_stray(scope))
        else:
            self._note("unknown page", scope)
        await send(answers.NOT_FOUND.start)
        await send(answers.NOT_FOUND.body)

    async def wrong_method(self, request: Request, raised: Exception) -> JSONResponse:
        """Answer a request that the route of a page refuses."""
        assert isinstance(raised, HTTPException)
        self._note("wrong method", request.scope)
        return JSONResponse({"error": raised.detail.lower()}, status_code=raised.status_code, headers=raised.headers)

    async def unforeseen(self, request: Request, _raised: Exception) -> JSONResponse:
        """Answer where something went wrong that nobody foresaw; the log has its place."""
        self._note("a fault of ours", request.scope)
        return JSONResponse({"error": "something went wrong here: try again"}, status_code=500)

    def _note(self, reason: str, scope: Scope) -> None:
        self._refusals.note(reason, network=self._admission.network(scope))
