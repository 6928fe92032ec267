"""Drain: how many queued pushes one worker stores in a second, beside COPY of the same rows and one by one."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection

from bench.bodies import SAMPLE_SIZE
from bench.load import load
from bench.multiply import multiply
from bench.peers.copy_ceiling import copy, prepare
from bench.plan import Plan
from bench.results import Results
from bench.stand import START_SECONDS, Stand
from ingest.batch import keys
from ingest.batch.entry import Entry, decode_entry
from ingest.kinds.normalise import normalise
from workers.database import Database
from workers.settle import settle_alone

_ALONE = 2_000
"""Pushes settled one by one: enough to know the rate"""


def beside_copy(stand: Stand, bodies: dict[str, Path], plan: Plan, results: Results) -> None:
    """Web queues pushes, then one worker drains them; the very same entries by COPY, and one transaction each."""
    url = stand.serve_ours()
    for _ in range(plan.rounds):
        stand.empty()
        load(url, bodies[SAMPLE_SIZE], plan.fill_seconds)
        batches = _queued(stand)
        worker = drain(stand)
        stand.check_normalised(sum(map(len, batches)))
        results.note("drain", "one worker", {"rate": worker})
        stand.empty()
        ceiling = _copy(stand, batches)
        results.note("drain", "COPY ceiling", {"rate": ceiling})
        stand.empty()
        alone = _settle_alone(stand, batches)
        results.note("drain", "one transaction per push", {"rate": alone})
        stand.empty()
        load(url, bodies[SAMPLE_SIZE], plan.fill_seconds)
        pool = drain(stand, workers=2)
        results.note("drain", "two workers", {"rate": pool})
        results.figure("one worker's drain ÷ COPY ceiling", worker / ceiling)
        results.figure("one worker's drain ÷ one transaction per push", worker / alone)
        results.figure("two workers' drain, as is the default, ÷ COPY ceiling", pool / ceiling)
    stand.stop("web")


def peers(stand: Stand, bodies: dict[str, Path], plan: Plan, results: Results) -> None:
    """What the workers of the peers with a queue store in a second: the raw push alone, in one table."""
    workers = {
        "literal": ("-m", "rq.cli", "worker", "literal", "--serializer", "json", "--url", stand.redis_url),
        "fastapi_celery": ("-m", "celery", "-A", "bench.peers.fastapi_celery:tasks", "worker", "--concurrency", "1"),
    }
    for name, command in workers.items():
        stand.empty()
        url = stand.serve_peer(name)
        load(url, bodies[SAMPLE_SIZE], plan.seconds)
        stand.stop(name)
        stand.start(f"{name}-worker", *command)
        with stand.connect() as connection:
            stand.wait(lambda: _raw(connection), "the peer's worker begins", START_SECONDS, pause=0.01)
            begun, first = time.perf_counter(), _raw(connection)
            time.sleep(3)
            rate = (_raw(connection) - first) / (time.perf_counter() - begun)
        results.note("drain", f"one worker of {name}", {"rate": rate})
        results.figure(f"stored raw by one worker of {name}, a second", rate)
        stand.stop(f"{name}-worker")


def full_tables(stand: Stand, bodies: dict[str, Path], plan: Plan, results: Results) -> None:
    """The drain into empty tables, and into tables that hold two million calls."""
    if plan.stored:
        _into_full_tables(stand, bodies, plan, results, plan.stored)


def eight_million_calls(stand: Stand, bodies: dict[str, Path], plan: Plan, results: Results) -> None:
    """The same with eight million, which take 30 GB of disk."""
    _into_full_tables(stand, bodies, plan, results, 8_000_000)


def _into_full_tables(stand: Stand, bodies: dict[str, Path], plan: Plan, results: Results, stored: int) -> None:
    url = stand.serve_ours()
    stand.empty()
    rates = []
    for _ in range(3):
        load(url, bodies[SAMPLE_SIZE], plan.fill_seconds)
        rates.append(drain(stand))
        results.note("drain", "tables nearly empty", {"rate": rates[-1]})
    with stand.connect() as connection:
        multiply(connection, stored)
    empty = statistics.median(rates)
    for _ in rates:
        load(url, bodies[SAMPLE_SIZE], plan.fill_seconds)
        full = drain(stand)
        results.note("drain", f"{stored:,} calls in the tables", {"rate": full})
        results.figure(f"drain with {stored:,} calls in the tables ÷ empty", full / empty)
    stand.stop("web")
    stand.empty()


def _raw(connection: Connection[Any]) -> int:
    (stored,) = connection.execute("SELECT count(*) FROM bench_raw").fetchone() or (0,)
    return int(stored)


def _queued(stand: Stand) -> list[list[Entry]]:
    ids = keys.decode_ids(stand.redis.zrange(keys.BATCHES, 0, -1))
    return [list(map(decode_entry, stand.redis.lrange(keys.batch(batch_id), 0, -1))) for batch_id in ids]  # type: ignore[arg-type]


def drain(stand: Stand, workers: int = 1) -> float:
    """Start a worker, or several; the rate from when its first batch is done to the end."""
    queued = stand.redis.zcard(keys.BATCHES)
    stand.start_ours("worker", WORKERS=str(workers))
    stand.wait(lambda: stand.redis.zcard(keys.BATCHES) < queued, "the worker begins", START_SECONDS, pause=0.001)
    begun, rest = time.perf_counter(), stand.in_flight()
    stand.wait_until_drained()
    rate = rest / (time.perf_counter() - begun)
    stand.stop("worker")
    return rate


def _copy(stand: Stand, batches: list[list[Entry]]) -> float:
    with psycopg.connect(stand.database_url) as connection:
        ready = [prepare(connection, [normalise(entry) for entry in batch]) for batch in batches]
        connection.commit()
        begun = time.perf_counter()
        for one in ready:
            copy(connection, one)
            connection.commit()
        seconds = time.perf_counter() - begun
    pushes = sum(map(len, batches))
    stand.check_normalised(pushes)
    return pushes / seconds


def _settle_alone(stand: Stand, batches: list[list[Entry]]) -> float:
    database = Database(stand.database_url, patience_seconds=5)
    entries = [entry for batch in batches for entry in batch][:_ALONE]
    begun = time.perf_counter()
    for entry in entries:
        settle_alone(database, entry)
    rate = len(entries) / (time.perf_counter() - begun)
    database.close()
    return rate
