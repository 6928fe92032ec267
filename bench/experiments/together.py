"""Together: web, workers and the sweeper on the same cores as both servers and the load generator."""

from __future__ import annotations

import http.client
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from bench.bodies import SAMPLE_SIZE, numbered
from bench.load import Load, load
from bench.open_loop import send
from bench.plan import Plan
from bench.results import Results
from bench.stand import START_SECONDS, Stand
from ingest.batch import keys

_BASE_RATE = 200
_BURST = 10_000
_LARGE_BURST = 200_000
_IDLE_RATE = 20
_VISIBLE = "SELECT FROM airudder.calls WHERE call_id = %s"
_FIRST_SERIAL = 10**12
"""Beyond any serial of `bench.load`"""


def saturated(stand: Stand, bodies: dict[str, Path], plan: Plan, results: Results) -> None:
    """As many pushes as web acknowledges, for long enough that they are 200,000: what one worker stores meanwhile, and
    two, after it, how far behind that is, and how long the rest takes."""
    for _ in range(plan.rounds):
        stand.empty()
        bare = load(stand.serve_peer("bare"), bodies[SAMPLE_SIZE], plan.seconds)
        stand.stop("bare")
        results.note("saturated", "bare", bare)
        for workers, name in ((1, "one worker"), (2, "two workers")):
            seen, behind = _saturate(stand, bodies[SAMPLE_SIZE], plan.saturated_seconds, workers)
            results.note("saturated", name, seen)
            results.note("saturated", f"{name}: behind the acknowledgement", behind)
            results.figure(f"saturated with {name}: acknowledged ÷ bare", seen.rate / bare.rate)
            results.figure(f"saturated with {name}: p99 ÷ bare's p99", seen.p99_ms / bare.p99_ms)
            results.figure(f"saturated with {name}: stored ÷ bare", behind["stored_rate"] / bare.rate)
            results.figure(f"saturated with {name}: longest lag, s", behind["longest_lag_s"])
            if seen.acknowledged >= _LARGE_BURST:
                results.figure(f"burst of 200,000 and more, {name}: from its end to all stored, s", behind["tail_s"])


def _saturate(stand: Stand, body: Path, seconds: float, workers: int) -> tuple[Load, dict[str, float]]:
    stand.empty()
    with _receiving(stand, workers) as url, _watching(stand) as watched:
        seen = load(url, body, seconds)
        rest = stand.in_flight()
        tail = stand.wait_until_drained()
    stand.check_normalised(seen.acknowledged)
    stored = (seen.acknowledged - rest) / seen.seconds
    return seen, {
        "stored_rate": stored,
        "longest_lag_s": watched.lag,
        "tail_s": tail,
        "redis_mb": watched.bytes / 1e6,
    }


def burst_on_base(stand: Stand, bodies: dict[str, Path], plan: Plan, results: Results) -> None:
    """200 pushes a second, and for one second 10,000 more: the acknowledgement's tail, and what is lost."""
    template = bodies[SAMPLE_SIZE].read_bytes()
    dues = [number / _BASE_RATE for number in range(4 * _BASE_RATE)] + [
        1.5 + number / _BURST for number in range(_BURST)
    ]
    serial = _FIRST_SERIAL
    with _receiving(stand) as url:
        for _ in range(plan.rounds):
            stand.empty()
            pushes = [(due, numbered(template, serial + number)) for number, due in enumerate(sorted(dues))]
            serial += len(pushes)
            latencies = sorted(send(url, pushes))
            stand.wait_until_drained()
            with stand.connect() as connection:
                (stored,) = connection.execute("SELECT count(*) FROM airudder.calls").fetchone() or (0,)
            p99 = statistics.quantiles(latencies, n=100)[98] * 1e3
            numbers = {"sent": len(pushes), "acknowledged": len(latencies), "stored": stored, "p99_ms": p99}
            results.note("burst on a base", "ours", {**numbers, "max_ms": latencies[-1] * 1e3})
            results.figure("10,000 in 1 s on 200/s: p99 of the acknowledgement, ms", p99)
            results.figure("10,000 in 1 s on 200/s: lost", len(pushes) - stored)


def idle(stand: Stand, bodies: dict[str, Path], plan: Plan, results: Results) -> None:
    """One push at a time, from before it is sent until its call can be seen in the table."""
    template = bodies[SAMPLE_SIZE].read_bytes()
    with _receiving(stand) as url, stand.connect() as connection:
        stand.empty()
        where = urlsplit(url)
        client = http.client.HTTPConnection(str(where.hostname), where.port)
        seconds = []
        for serial in range(2 * _FIRST_SERIAL, 2 * _FIRST_SERIAL + plan.idle_pushes + 10):
            body = numbered(template, serial)
            call_id = body[body.index(b'"call_id":"') + 11 :][:32].decode()
            begun = time.perf_counter()
            client.request("POST", where.path, body)
            client.getresponse().read()
            stand.wait(lambda: connection.execute(_VISIBLE, [call_id]).rowcount, "it is visible", 30, pause=0.0002)  # noqa: B023
            seconds.append(time.perf_counter() - begun)
            time.sleep(1 / _IDLE_RATE)
        client.close()
    # The first ones meet processes that have not done anything yet.
    cuts = statistics.quantiles(seconds[10:], n=100)
    results.note(
        "idle", "ours", {"p50_ms": cuts[49] * 1e3, "p99_ms": cuts[98] * 1e3, "max_ms": max(seconds[10:]) * 1e3}
    )
    results.figure("idle: push to visible row, p50, ms", cuts[49] * 1e3)
    results.figure("idle: push to visible row, p99, ms", cuts[98] * 1e3)


@contextmanager
def _receiving(stand: Stand, workers: int = 1) -> Iterator[str]:
    url = stand.serve_ours()
    stand.start_ours("worker", WORKERS=str(workers))
    stand.start_ours("sweeper")
    stand.wait(lambda: stand.redis.scard("rq:workers") >= workers, "the workers are there", START_SECONDS)
    yield url
    stand.stop("web", "worker", "sweeper")


class _Watched:
    lag = 0.0
    """The greatest age of the oldest batch that is not stored, seconds"""
    bytes = 0


@contextmanager
def _watching(stand: Stand) -> Iterator[_Watched]:
    watched, over = _Watched(), threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            for batch_id in keys.decode_ids(stand.redis.zrange(keys.BATCHES, 0, 0)):
                opened_at = float(stand.redis.zscore(keys.BATCHES, batch_id) or time.time())
                watched.lag = max(watched.lag, time.time() - opened_at)
            watched.bytes = max(watched.bytes, stand.redis.info("memory")["used_memory"])

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield watched
        if not thread.is_alive():
            sys.exit("bench: the watcher of the lag failed")
    finally:
        over.set()
        thread.join()
