"""The Starlette application: routes, and the lifespan that opens and closes what they need."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from ingest import settings
from ingest.batch.clients import acknowledging_client, aside_client
from ingest.batch.push_ids import PushIds
from ingest.errors import SettingError, describe
from ingest.settings import Settings
from ingest.tokens import Token
from ingest.web.access import Access
from ingest.web.addresses import Addresses
from ingest.web.admission import Admission
from ingest.web.body import BodyReader
from ingest.web.connection import MAX_HEAD
from ingest.web.counts import Counts
from ingest.web.endpoint import Ledger, PushEndpoint
from ingest.web.fallback import Fallback
from ingest.web.open_batch import OpenBatch
from ingest.web.rate_limit import RateLimit
from ingest.web.readiness import Readiness
from ingest.web.refusals import Refusals
from ingest.web.strays import Strays
from ingest.web.timed_protocol import Bounds, allow_many_connections

_CANCEL_AGAIN_SECONDS = 0.1

_log = logging.getLogger("web")


def create_app() -> Starlette:
    """Build the application from the environment, without connecting to anything yet. Raises SettingError."""
    current = settings.load()
    current.check_exposure()
    client, aside = acknowledging_client(current.redis_url), aside_client(current.redis_url)
    fallback = Fallback(current.database_url)
    ids = PushIds()
    batch = OpenBatch(client, ids, fallback.store)
    access = Access(current.tokens)
    counts, refusals = Counts(aside, batch.breaker), Refusals(aside, access.take_used)
    admission = _admission(current, access)
    endpoint = PushEndpoint(
        admission, BodyReader(current.max_body), ids, batch, Ledger(counts, refusals), frozenset(current.decryptors)
    )
    readiness = Readiness(aside, fallback, current.appendfsync)

    async def readyz(_request: Request) -> JSONResponse:
        ready, words = await readiness.check()
        return JSONResponse(words, status_code=200 if ready else 503)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, Any]]:
        max_bytes, max_connections = MAX_HEAD + 2 * current.max_body, allow_many_connections()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _reload_tokens, current, access)
        _read_tokens(current, access)  # again, as SIGHUP was ignored until now
        async with asyncio.TaskGroup() as tasks:
            loops: list[asyncio.Task[Any]] = [
                tasks.create_task(work) for work in (batch.run(), counts.run(), refusals.run(), _first_look(readiness))
            ]
            yield {"bounds": Bounds(current.request_seconds, max_bytes, max_connections, refusals.note_peer)}
            await end_loops(loops)
        await counts.flush()
        await refusals.flush()
        await fallback.close()
        await client.aclose()
        await aside.aclose()

    pages = [Route("/healthz", _healthz), Route("/readyz", readyz)]
    app = Starlette(routes=[*_push_routes(endpoint), *pages], lifespan=lifespan)
    _answer_strays(app, Strays(app.router, admission, refusals))
    return app


def _push_routes(endpoint: PushEndpoint) -> list[Route]:
    # With a slash at the end too: Starlette would redirect, which loses the push and sends its secret over HTTP.
    return [Route(f"/airudder/{{kind}}{rest}", endpoint) for rest in ("", "/", "/{token}", "/{token}/")]


def _answer_strays(app: Starlette, strays: Strays) -> None:
    app.add_exception_handler(HTTPException, strays.wrong_method)
    app.add_exception_handler(Exception, strays.unforeseen)
    app.router.redirect_slashes, app.router.default = False, strays


def _admission(current: Settings, access: Access) -> Admission:
    addresses = Addresses(current.allow_ips, current.trusted_proxies)
    rate_limit = RateLimit(current.rate_limit)
    return Admission(addresses, access, rate_limit, current.max_concurrent, current.max_bytes_in_hand)


def _reload_tokens(current: Settings, access: Access) -> None:
    if (tokens := _read_tokens(current, access)) is not None:
        log_read_again(tokens)


def _read_tokens(current: Settings, access: Access) -> tuple[Token, ...] | None:
    """Admit by the tokens as they are now, and return them. If they cannot be read: None, and nothing changes."""
    try:
        tokens = current.tokens
    except SettingError as error:
        _log.error("the tokens stay as they were: %s", error)
        return None
    access.replace(tokens)
    return tokens


def log_read_again(tokens: tuple[Token, ...]) -> None:
    """Log that this process admits by the tokens as they are now, as the operator waits for that line."""
    _log.info("the tokens are read again: %d of %d sources", len(tokens), len({token.source for token in tokens}))


async def end_loops(loops: list[asyncio.Task[Any]]) -> None:
    """Cancel them until they have ended. Once is not enough: redis-py writes by `asyncio.wait_for`, and Python 3.11's
    swallows a cancellation that comes when the write is done."""
    while running := [loop for loop in loops if not loop.done()]:
        for loop in running:
            loop.cancel()
        await asyncio.wait(running, timeout=_CANCEL_AGAIN_SECONDS)


async def _first_look(readiness: Readiness) -> None:
    """Log what is wrong with the servers; pushes do not wait for it.

    An error here would end the loops beside it, while uvicorn goes on taking pushes, which nothing would answer.
    """
    try:
        await readiness.check()
    except Exception as error:
        _log.critical("the first look at the servers failed unexpectedly: %s", describe(error))


async def _healthz(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("alive\n")
