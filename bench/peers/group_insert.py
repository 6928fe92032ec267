"""No Redis, and group commit: what arrives while an INSERT is under way goes together in the next one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg import AsyncConnection
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ingest.decode import decode
from ingest.entry import Entry
from ingest.fallback import INSERT_PENDING, pending_columns
from ingest.push_ids import PushIds

_ids = PushIds()
_waiting: list[tuple[Entry, asyncio.Future[None]]] = []
_arrival = asyncio.Event()


async def _write() -> None:
    connection = await AsyncConnection.connect(os.environ["DATABASE_URL"], autocommit=True)
    while await _arrival.wait():
        _arrival.clear()
        group, _waiting[:] = _waiting[:], []
        await connection.execute(INSERT_PENDING, pending_columns([entry for entry, _ in group]))
        for _, done in group:
            done.set_result(None)


@asynccontextmanager
async def _lifespan(_app: Starlette) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        writer = tasks.create_task(_write())
        yield
        writer.cancel()


async def _push(request: Request) -> JSONResponse:
    body = await request.body()
    decode("custom-api", body)
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    _waiting.append((Entry(*_ids.draw(), "default", "custom-api", body), done))
    _arrival.set()
    await done
    return JSONResponse({})


app = Starlette(routes=[Route("/airudder/custom-api", _push, methods=["POST"])], lifespan=_lifespan)
