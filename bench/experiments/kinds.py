"""Kinds: how fast one worker stores the pushes of each kind, and whether acknowledging them depends on the kind."""

from __future__ import annotations

import statistics
from pathlib import Path
from uuid import UUID

from bench.bodies import SAMPLE_SIZE
from bench.experiments.drain import drain
from bench.load import load
from bench.plan import Plan
from bench.results import Results
from bench.stand import PATH, Stand
from ingest.batch import keys
from ingest.batch.entry import Entry, encode_entry
from ingest.batch.push_ids import PushIds
from ingest.batch.queue import enqueue_batch, normalise_queue
from ingest.kinds import KINDS, kind_of
from ops.simulator.pushes import generate

REFERENCE = "custom-api"
OTHERS = [
    kind
    for kind in {module: kind for kind, module in reversed(KINDS.items())}.values()
    if kind_of(kind).struct and kind != REFERENCE
]
"""One kind of each module that knows what its pushes say"""
_BATCH = 500


def drained(stand: Stand, _bodies: dict[str, Path], plan: Plan, results: Results) -> None:
    """As many simulated pushes of each kind, drained by one worker; beside those of custom-api in the same round."""
    for _ in range(plan.rounds):
        rates = {}
        for kind in (REFERENCE, *OTHERS):
            rates[kind] = _drain(stand, kind, plan.of_kind)
            results.note("drain of each kind", kind, {"rate": rates[kind]})
        for kind in OTHERS:
            results.figure(f"one worker's drain of {kind} ÷ of {REFERENCE}", rates[kind] / rates[REFERENCE])


def acknowledged(stand: Stand, bodies: dict[str, Path], plan: Plan, results: Results) -> None:
    """The very same bytes, posted as each kind: web judges a body without asking what it is."""
    url = stand.serve_ours()
    for _ in range(plan.rounds):
        ratios = []
        for kind in OTHERS[: plan.kinds]:
            stand.empty()
            # Its own reference just before it, as the machine changes within a round.
            reference = load(url, bodies[SAMPLE_SIZE], plan.kind_seconds)
            stand.empty()
            seen = load(url.replace(PATH, f"/airudder/{kind}"), bodies[SAMPLE_SIZE], plan.kind_seconds)
            results.note("acknowledged as each kind", kind, seen)
            ratios.append(seen.rate / reference.rate)
            results.figure(f"acknowledged as {kind} ÷ as {REFERENCE}", ratios[-1])
        results.figure(f"acknowledged as another kind ÷ as {REFERENCE}, median of kinds", statistics.median(ratios))
    stand.stop("web")


def _drain(stand: Stand, kind: str, count: int) -> float:
    stand.empty()
    ids = PushIds()
    pushes = generate(seed=1, count=count, kinds={kind: 1})
    entries = [Entry(*ids.draw(), "default", kind, push.body) for push in pushes]
    queue = normalise_queue(stand.redis)
    for begin in range(0, count, _BATCH):
        batch = entries[begin : begin + _BATCH]
        batch_id = str(UUID(bytes=batch[0].push_id))
        with stand.redis.pipeline(transaction=True) as pipeline:
            pipeline.rpush(keys.batch(batch_id), *map(encode_entry, batch))
            enqueue_batch(queue, batch_id, pipeline)
            pipeline.zadd(keys.BATCHES, {batch_id: batch[0].received_us / 1e6})
            pipeline.execute()
    rate = drain(stand)
    stand.check_settled(count)
    return rate
