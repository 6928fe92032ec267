"""Memory: what a queued push costs Redis, and what compressing it would save."""

from __future__ import annotations

import time
import zlib
from itertools import islice
from pathlib import Path

from bench.bodies import SAMPLE_SIZE
from bench.load import load
from bench.plan import Plan
from bench.results import Results
from bench.stand import Stand
from ops.simulator.pushes import generate

_PUSHES = 2_000


def queued_push(stand: Stand, bodies: dict[str, Path], plan: Plan, results: Results) -> None:
    """Memory that Redis uses for queued pushes, by payload."""
    url = stand.serve_ours()
    for size in (SAMPLE_SIZE, *plan.sizes):
        stand.empty()
        before = stand.redis.info("memory")["used_memory"]
        load(url, bodies[size], 1)
        used = (stand.redis.info("memory")["used_memory"] - before) / stand.in_flight()
        body = bodies[size].stat().st_size
        results.note("memory", size, {"redis_bytes_per_push": used, "body_bytes": body})
        suffix = "" if size == SAMPLE_SIZE else f", {size}"
        results.figure(f"Redis bytes per queued push ÷ body bytes{suffix}", used / body)
    stand.stop("web")
    stand.empty()


def compression(stand: Stand, bodies: dict[str, Path], plan: Plan, results: Results) -> None:
    """What zlib at its fastest would save on varied pushes, one by one, and what it would cost web."""
    del stand, bodies, plan
    pushes = [push.body for push in islice(generate(seed=1, count=_PUSHES), _PUSHES)]
    begun = time.perf_counter()
    compressed = [zlib.compress(body, 1) for body in pushes]
    seconds = time.perf_counter() - begun
    share = sum(map(len, compressed)) / sum(map(len, pushes))
    results.note("compression", "zlib, level 1", {"share": share, "us_per_push": seconds / len(pushes) * 1e6})
    results.figure("compressed bytes ÷ body bytes, zlib level 1 each", share)
    results.figure("compressing one push, µs", seconds / len(pushes) * 1e6)
