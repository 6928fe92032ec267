"""Acknowledge: how many pushes a web process answers with 200 in a second, beside a bare handler and the peers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from bench.bodies import SAMPLE_SIZE
from bench.load import Load, load
from bench.plan import Plan
from bench.results import Results
from bench.stand import Stand

OURS = "ours"
BARE = "bare"
INSERTING = {"one INSERT per push": "insert", "group-committed INSERT": "group_insert"}
PEERS = {"card read literally": "literal", "FastAPI + Celery": "fastapi_celery", **INSERTING}
"""The module in `bench.peers`, by what it is called in the results"""


def side_by_side(stand: Stand, bodies: dict[str, Path], plan: Plan, results: Results) -> None:
    """The sample push, 64 connections, one web process of each, no worker: acknowledged a second, and the tail."""
    urls = {BARE: stand.serve_peer("bare"), OURS: stand.serve_ours()}
    urls |= {name: stand.serve_peer(module) for name, module in PEERS.items()}
    for seen in _rounds("side by side", urls, bodies[SAMPLE_SIZE], stand, plan, results):
        for name in (BARE, *PEERS):
            results.figure(f"acknowledged ÷ {name}", seen[OURS].rate / seen[name].rate)
        results.figure("p99 ÷ bare's p99", seen[OURS].p99_ms / seen[BARE].p99_ms)
    stand.stop("web", "bare", *PEERS.values())


def payloads(stand: Stand, bodies: dict[str, Path], plan: Plan, results: Results) -> None:
    """The same with smaller and larger pushes: 200 kB is the transcript of forty minutes."""
    urls = {BARE: stand.serve_peer("bare"), OURS: stand.serve_ours()}
    for size in plan.sizes:
        for seen in _rounds(f"payload of {size}", urls, bodies[size], stand, plan, results):
            results.figure(f"acknowledged ÷ bare, {size}", seen[OURS].rate / seen[BARE].rate)
            results.figure(f"p99 ÷ bare's p99, {size}", seen[OURS].p99_ms / seen[BARE].p99_ms)
    stand.stop("web", "bare")


def postgres_away(stand: Stand, bodies: dict[str, Path], plan: Plan, results: Results) -> None:
    """Acknowledgements while Postgres is stopped, and while it is there; the same of those that INSERT."""
    urls = {OURS: stand.serve_ours()} | {name: stand.serve_peer(module) for name, module in INSERTING.items()}
    for _ in range(plan.rounds):
        stand.empty()
        there = load(urls[OURS], bodies[SAMPLE_SIZE], plan.seconds)
        results.note("Postgres there", OURS, there)
        stand.empty()
        stand.stop_server("postgres")
        for name, url in urls.items():
            away = load(url, bodies[SAMPLE_SIZE], plan.seconds)
            results.note("Postgres away", name, away, may_fail=name in INSERTING)
            if name == OURS:
                results.figure("acknowledged, Postgres away ÷ there", away.rate / there.rate)
            else:
                results.figure(f"acknowledged while Postgres is away, a second: {name}", away.rate)
        stand.start_server("postgres")
    stand.stop("web", *INSERTING.values())


def long_queue(stand: Stand, bodies: dict[str, Path], plan: Plan, results: Results) -> None:
    """Acknowledgements while a million pushes wait for a worker."""
    if not plan.queued:
        return
    url = stand.serve_ours()
    for _ in range(2):
        stand.empty()
        empty = load(url, bodies[SAMPLE_SIZE], plan.seconds)
        results.note("empty queue", OURS, empty)
        while (before := stand.in_flight()) < plan.queued:
            results.note("filling the queue", OURS, load(url, bodies[SAMPLE_SIZE], 10))
            if stand.in_flight() == before:
                sys.exit("bench: Redis takes no more pushes")
        queued = load(url, bodies[SAMPLE_SIZE], plan.seconds)
        results.note(f"{plan.queued:,} queued", OURS, queued)
        results.figure("acknowledged with many pushes queued ÷ empty", queued.rate / empty.rate)
    stand.stop("web")


def two_processes(stand: Stand, bodies: dict[str, Path], plan: Plan, results: Results) -> None:
    """Two web processes beside one, as far as there are cores for them."""
    urls = {"one": stand.serve_ours("web"), "two": stand.serve_ours("webs", WEB_CONCURRENCY="2")}
    for seen in _rounds("web processes", urls, bodies[SAMPLE_SIZE], stand, plan, results):
        results.figure("two web processes ÷ one", seen["two"].rate / seen["one"].rate)
    stand.stop("web", "webs")


def _rounds(
    experiment: str, urls: dict[str, str], body: Path, stand: Stand, plan: Plan, results: Results
) -> Iterator[dict[str, Load]]:
    """Load every receiver once a round, each on empty servers; what each round saw, by receiver."""
    for number in range(plan.rounds):
        seen = {}
        # To and fro, so that nobody always comes after the same one.
        for name in list(urls)[:: -1 if number % 2 else 1]:
            stand.empty()
            seen[name] = load(urls[name], body, plan.seconds)
            results.note(experiment, name, seen[name])
            if name == OURS and stand.in_flight() < seen[OURS].acknowledged:
                sys.exit("bench: not every acknowledged push is on Redis")
        yield seen
