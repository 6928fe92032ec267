"""A taken batch: renamed so that nothing joins it any more, leased to one worker, discarded once it is committed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from ingest.batch import keys
from ingest.batch.entry import Entry, decode_entry
from ingest.batch.lease import holder
from ingest.batch.queue import JOB_TIMEOUT_SECONDS

LEASE_SECONDS = JOB_TIMEOUT_SECONDS + 5
"""No job lives longer: when the lease is over, the worker is dead, and the sweeper enqueues the batch again."""
PROGRESS_TTL_SECONDS = 24 * 3600
"""A batch that was released is taken again long before."""


@dataclass(frozen=True)
class TakenBatch:
    """The entries of a batch, each once, and what is known of earlier attempts at it."""

    client: Redis
    batch_id: str
    entries: list[Entry]
    attempts: int
    """How many workers have taken it, this one included; one that could not reach Postgres does not count"""
    in_hand: bytes | None
    """The push that the last worker had in hand, push by push, when it died"""
    suspect: bytes | None
    """The push that one before it had"""

    def take_in_hand(self, entry: Entry) -> None:
        """Note which push is about to be normalised alone, in case it takes the interpreter down."""
        self.client.hset(keys.progress(self.batch_id), "in_hand", entry.push_id)

    def suspect_in_hand(self) -> None:
        """Note that a worker died with this push in hand: the second time it will not be an accident."""
        self.client.hset(keys.progress(self.batch_id), "suspect", self.in_hand or b"")

    def discard(self) -> None:
        """Forget the batch: every push in it is in Postgres. In this order and without MULTI, all of which a full Redis
        refuses: an id without a list has nothing to lose."""
        with self.client.pipeline(transaction=False) as pipeline:
            pipeline.delete(keys.taken(self.batch_id), keys.progress(self.batch_id), keys.lease(self.batch_id))
            pipeline.zrem(keys.BATCHES, self.batch_id)
            pipeline.execute()

    def release(self) -> None:
        """Let another worker take it up: the attempt failed through no fault of its pushes."""
        with self.client.pipeline(transaction=True) as pipeline:
            pipeline.hincrby(keys.progress(self.batch_id), "attempts", -1)
            pipeline.hdel(keys.progress(self.batch_id), "in_hand")
            # Somebody else may have discarded the batch meanwhile.
            pipeline.expire(keys.progress(self.batch_id), PROGRESS_TTL_SECONDS)
            pipeline.delete(keys.lease(self.batch_id))
            pipeline.execute()


def take(client: Redis, batch_id: str) -> TakenBatch | None:
    """Take a batch, or take up one whose worker died; None if it is done already."""
    with client.pipeline(transaction=True) as pipeline:
        pipeline.renamenx(keys.batch(batch_id), keys.taken(batch_id))
        pipeline.lrange(keys.taken(batch_id), 0, -1)
        pipeline.hincrby(keys.progress(batch_id), "attempts", 1)
        pipeline.hmget(keys.progress(batch_id), "in_hand", "suspect")
        pipeline.set(keys.lease(batch_id), holder(), ex=LEASE_SECONDS)
        renamed, encoded, attempts, hands, _ = pipeline.execute(raise_on_error=False)
    _raise_unless_missing(renamed)
    batch = TakenBatch(client, batch_id, _each_once(encoded), attempts, *hands)
    if not batch.entries:
        batch.discard()
        return None
    return batch


def seize(client: Redis, batch_id: str) -> TakenBatch:
    """Take a batch with no more than a full Redis allows: no MULTI, no lease held, and this attempt not counted."""
    with client.pipeline(transaction=False) as pipeline:
        pipeline.renamenx(keys.batch(batch_id), keys.taken(batch_id))
        pipeline.lrange(keys.taken(batch_id), 0, -1)
        pipeline.hget(keys.progress(batch_id), "attempts")
        renamed, encoded, attempts = pipeline.execute(raise_on_error=False)
    _raise_unless_missing(renamed)
    return TakenBatch(client, batch_id, _each_once(encoded), int(attempts or 0), in_hand=None, suspect=None)


def _each_once(encoded: list[bytes]) -> list[Entry]:
    # An append whose reply was lost is made again: the same push may be in the list twice.
    return list({entry.push_id: entry for entry in map(decode_entry, encoded)}.values())


def _raise_unless_missing(renamed: Any) -> None:
    # Redis's answer when the list is not there, as it was taken before; older and newer servers agree on the words.
    if isinstance(renamed, ResponseError) and "no such key" not in str(renamed):
        raise renamed
