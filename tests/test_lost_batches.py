"""Batches that lost their job, and jobs that failed."""

from __future__ import annotations

from typing import Any

from ingest.batch import keys
from ingest.batch.queue import enqueue_batch, normalise_queue
from tests.batches import batch_without_job
from tests.clock import Clock
from workers.sweeper.loop import Sweeper
from workers.sweeper.lost_batches import GRACE_SECONDS


def test_lost_batch_is_enqueued_again(sweeper: Sweeper, client: Any, clock: Clock) -> None:
    """A batch without a job is enqueued once it has been missing for the grace time, and once only."""
    batch_without_job(client)

    assert sweeper.run_once() == 0
    clock.now += GRACE_SECONDS
    assert sweeper.run_once() == 1
    clock.now += GRACE_SECONDS
    assert sweeper.run_once() == 0
    assert normalise_queue(client).get_job_ids() == ["b1"]


def test_queued_batch_is_left_alone(sweeper: Sweeper, client: Any, clock: Clock) -> None:
    """A batch whose job waits in the queue is not lost, however long it waits."""
    batch_without_job(client)
    with client.pipeline() as pipeline:
        enqueue_batch(normalise_queue(client), "b1", pipeline)
        pipeline.execute()

    for _ in range(3):
        assert sweeper.run_once() == 0
        clock.now += GRACE_SECONDS


def test_leased_batch_is_left_alone(sweeper: Sweeper, client: Any, clock: Clock) -> None:
    """A batch that a worker is at is not lost; it is when the lease has run out."""
    batch_without_job(client)
    client.set(keys.lease("b1"), "elsewhere:1")
    for _ in range(3):
        assert sweeper.run_once() == 0
        clock.now += GRACE_SECONDS

    client.delete(keys.lease("b1"))
    assert sweeper.run_once() == 0
    clock.now += GRACE_SECONDS
    assert sweeper.run_once() == 1


def test_batch_lost_between_queue_and_start(sweeper: Sweeper, client: Any, clock: Clock) -> None:
    """A job whose worker died between taking it from the queue and starting it is found, and RQ forgets the old one."""
    batch_without_job(client)
    queue = normalise_queue(client)
    client.rpush(queue.intermediate_queue_key, "b1")
    sweeper.run_once()
    clock.now += GRACE_SECONDS

    assert sweeper.run_once() == 1
    assert client.llen(queue.intermediate_queue_key) == 0


def test_failed_job_is_tried_again(sweeper: Sweeper, client: Any, clock: Clock) -> None:
    """A job that failed leaves RQ's failures when its batch is enqueued again, or settled otherwise."""
    batch_without_job(client)
    registry = normalise_queue(client).failed_job_registry
    with client.pipeline() as pipeline:
        for batch_id in ("b1", "settled"):
            enqueue_batch(normalise_queue(client), batch_id, pipeline)
        pipeline.execute()
    client.delete(normalise_queue(client).key)
    for batch_id in ("b1", "settled"):
        registry.add(normalise_queue(client).fetch_job(batch_id), ttl=100)

    sweeper.run_once()
    assert registry.get_job_ids() == ["b1"]
    clock.now += GRACE_SECONDS
    sweeper.run_once()
    assert registry.get_job_ids() == []
    assert normalise_queue(client).get_job_ids() == ["b1"]
