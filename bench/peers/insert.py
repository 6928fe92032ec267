"""No Redis at all: one INSERT of the raw push per request, from a pool of connections."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import LiteralString

from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ingest.batch.entry import Entry
from ingest.batch.push_ids import PushIds
from ingest.kinds.reading.decode import judge

_INSERT: LiteralString = """
INSERT INTO airudder.pushes (push_id, received_at, source, kind, body, status) VALUES (%b, %b, %b, %b, %b, 'pending')
"""
_ids = PushIds()


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    async with AsyncConnectionPool(os.environ["DATABASE_URL"], min_size=10, kwargs={"autocommit": True}) as pool:
        app.state.pool = pool
        yield


async def _push(request: Request) -> JSONResponse:
    body = await request.body()
    judge(body)
    entry = Entry(*_ids.draw(), "default", "custom-api", body)
    async with request.app.state.pool.connection(timeout=1) as connection:
        await connection.execute(_INSERT, (entry.uuid, entry.received_at, entry.source, entry.kind, body))
    return JSONResponse({})


app = Starlette(routes=[Route("/airudder/custom-api", _push, methods=["POST"])], lifespan=_lifespan)
