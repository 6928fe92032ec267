"""Strangers: what others notice of connections that hold a process up on purpose."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from bench.bodies import SAMPLE_SIZE, numbered
from bench.open_loop import send
from bench.plan import Plan
from bench.results import Results
from bench.stand import START_SECONDS, Stand

_RATE = 2000
_SLOW = 1000
_FIRST_SERIAL = 3 * 10**12
"""Beyond any serial of the other experiments"""


def slow_strangers(stand: Stand, bodies: dict[str, Path], plan: Plan, results: Results) -> None:
    """2,000 pushes a second, alone and beside a thousand connections that send a byte a second each."""
    template = bodies[SAMPLE_SIZE].read_bytes()
    url = stand.serve_ours()
    serial = _FIRST_SERIAL
    for number in range(2 * plan.rounds):
        p99 = {}
        for name in ("alone", "among slow clients")[:: -1 if number % 2 else 1]:
            stand.empty()
            amount = round(_RATE * plan.seconds)
            pushes = [(place / _RATE, numbered(template, serial + place)) for place in range(amount)]
            serial += amount
            with _slow_clients(stand, url) if name != "alone" else nullcontext():
                latencies = send(url, pushes, connections=64)
            p99[name] = statistics.quantiles(latencies, n=100)[98] * 1e3
            results.note("slow clients", name, {"acknowledged": len(latencies), "p99_ms": p99[name]})
        results.figure("p99 among 1,000 slow clients ÷ alone", p99["among slow clients"] / p99["alone"])
    stand.stop("web")


@contextmanager
def _slow_clients(stand: Stand, url: str) -> Iterator[None]:
    connected = stand.folder / "connected"
    stand.start("slow_clients", "-m", "bench.slow_clients", url, str(_SLOW), str(connected))
    stand.wait(connected.exists, "the slow clients are connected", START_SECONDS)
    yield
    stand.stop("slow_clients")
    connected.unlink()
