"""The mission, read literally: decode with msgspec and enqueue one RQ job a push, each a transaction of its own."""

from __future__ import annotations

import os

from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ingest.kinds.reading.decode import judge

_queue = Queue("literal", connection=Redis.from_url(os.environ["REDIS_URL"]), serializer=JSONSerializer)


async def _push(request: Request) -> JSONResponse:
    body = await request.body()
    judge(body)
    await run_in_threadpool(_queue.enqueue, "bench.peers.literal_job.store", body.decode())
    return JSONResponse({})


app = Starlette(routes=[Route("/airudder/custom-api", _push, methods=["POST"])])
