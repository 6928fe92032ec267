"""No Redis, and group commit: what arrives while an INSERT is under way goes together in the next one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection, Error
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ingest.batch.entry import Entry, pending_columns
from ingest.batch.push_ids import PushIds
from ingest.kinds.reading.decode import judge
from ingest.web.fallback import INSERT_PENDING

_ids = PushIds()
_waiting: list[tuple[Entry, asyncio.Future[bool]]] = []
_arrival = asyncio.Event()


async def _write() -> None:
    connection: AsyncConnection[Any] | None = None
    while await _arrival.wait():
        _arrival.clear()
        group, _waiting[:] = _waiting[:], []
        try:
            if connection is None or connection.closed:
                connection = await AsyncConnection.connect(os.environ["DATABASE_URL"], autocommit=True)
            await connection.execute(INSERT_PENDING, pending_columns([entry for entry, _ in group]))
        except Error:
            for _, stored in group:
                stored.set_result(False)
        else:
            for _, stored in group:
                stored.set_result(True)


@asynccontextmanager
async def _lifespan(_app: Starlette) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        writer = tasks.create_task(_write())
        yield
        writer.cancel()


async def _push(request: Request) -> JSONResponse:
    body = await request.body()
    judge(body)
    stored: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    _waiting.append((Entry(*_ids.draw(), "default", "custom-api", body), stored))
    _arrival.set()
    return JSONResponse({}, status_code=200 if await stored else 503)


app = Starlette(routes=[Route("/airudder/custom-api", _push, methods=["POST"])], lifespan=_lifespan)
