"""The Starlette application: routes, and the lifespan that opens and closes what they need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from ingest import settings
from ingest.access import Access
from ingest.endpoint import PushEndpoint
from ingest.fallback import Fallback
from ingest.open_batch import OpenBatch
from ingest.push_ids import PushIds
from ingest.readiness import Readiness
from ingest.redis_client import acknowledging_client
from ingest.refusals import Refusals


def create_app() -> Starlette:
    """Build the application from the environment; SettingError if that says too little. Nothing connects yet."""
    current = settings.load()
    current.check_exposure()
    client = acknowledging_client(current.redis_url)
    fallback = Fallback(current.database_url)
    ids = PushIds()
    refusals = Refusals(client)
    batch = OpenBatch(client, ids, fallback.store)
    endpoint = PushEndpoint(Access(current.tokens), ids, batch, refusals, current.max_body)
    # A connection of its own: a slow answer to it must not end the one that stores pushes.
    probe = Fallback(current.database_url)
    readiness = Readiness(client, probe, current.appendfsync)

    async def readyz(_request: Request) -> JSONResponse:
        ready, words = await readiness.check()
        return JSONResponse(words, status_code=200 if ready else 503)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            loops = [tasks.create_task(batch.run()), tasks.create_task(refusals.run())]
            yield
            for loop in loops:
                loop.cancel()
        await refusals.flush()
        await fallback.close()
        await probe.close()
        await client.aclose()

    app = Starlette(
        routes=[
            # With a slash at the end too: a redirection would lose the push, and send its secret over plain HTTP.
            *(Route(f"/airudder/{{kind}}{rest}", endpoint) for rest in ("", "/", "/{token}", "/{token}/")),
            Route("/healthz", _healthz),
            Route("/readyz", readyz),
        ],
        exception_handlers={HTTPException: _in_json},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


async def _in_json(_request: Request, raised: Exception) -> JSONResponse:
    assert isinstance(raised, HTTPException)
    return JSONResponse({"error": raised.detail.lower()}, status_code=raised.status_code, headers=raised.headers)


async def _healthz(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("alive\n")
