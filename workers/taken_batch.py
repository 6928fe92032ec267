"""A taken batch: its list is renamed, so that no push joins it, and one worker has its lease until it is done."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from redis import Redis
from redis.exceptions import ResponseError

from ingest.batch import keys
from ingest.batch.entry import Entry, read_entry
from ingest.batch.lease import holder
from ingest.batch.queue import JOB_TIMEOUT_SECONDS

LEASE_SECONDS = JOB_TIMEOUT_SECONDS + 5
"""Longer than any job lasts: when a lease runs out its worker is dead, and the sweeper enqueues the batch again."""
PROGRESS_TTL_SECONDS = 24 * 3600
"""Much longer than a released batch waits until it is taken again"""

_log = logging.getLogger("worker")


@dataclass(frozen=True)
class TakenBatch:
    """The entries of a batch, each once, and what is known of earlier attempts at it."""

    client: Any
    """A Redis client; redis-py's types do not know that a list may hold bytes."""
    batch_id: str
    entries: list[Entry]
    attempts: int
    """How many workers have taken it, this one included; those that could not reach Postgres are not counted"""
    in_hand: bytes | None
    """The push that the last worker had in hand when it died, if it went push by push"""
    suspect: bytes | None
    """The push that an earlier worker had in hand when it died"""
    beside_strange: list[bytes] | None
    """The elements that are pushes, if the list has others; None if it has none. The others are kept."""

    @property
    def uuid(self) -> UUID | None:
        """Its id as web draws it; None for a list that somebody else has put under such a key."""
        with suppress(ValueError):
            return UUID(self.batch_id)
        return None

    def take_in_hand(self, entry: Entry) -> None:
        """Note which push is about to be normalised alone: it may end the interpreter."""
        self.client.hset(keys.progress(self.batch_id), "in_hand", entry.push_id)

    def suspect_in_hand(self) -> None:
        """Note that a worker died with this push in hand. The second time it is not taken for an accident."""
        self.client.hset(keys.progress(self.batch_id), "suspect", self.in_hand or b"")

    def discard(self) -> None:
        """Remove the batch, as every push in it is in Postgres.

        Without MULTI, which a full Redis refuses, as it does whatever would need memory. The id is removed last: an id
        without a list does no harm.
        """
        if self.beside_strange is not None:
            self._keep_strange(self.beside_strange)
        with self.client.pipeline(transaction=False) as pipeline:
            pipeline.delete(keys.taken(self.batch_id), keys.progress(self.batch_id), keys.lease(self.batch_id))
            pipeline.zrem(keys.BATCHES, self.batch_id)
            pipeline.execute()

    def _keep_strange(self, pushes: list[bytes]) -> None:
        taken, kept = keys.taken(self.batch_id), keys.unreadable(self.batch_id)
        with self.client.pipeline(transaction=False) as pipeline:
            for encoded in pushes:
                pipeline.lrem(taken, 1, encoded)
            pipeline.renamenx(taken, kept)
            pipeline.expire(kept, keys.UNREADABLE_TTL_SECONDS)
            *_, renamed, _ = pipeline.execute(raise_on_error=False)
        _raise_unless_missing(renamed)  # another worker, or the sweeper, may have discarded the batch

    def release(self) -> None:
        """Leave it to another worker, and take this attempt back: its pushes are not at fault."""
        with self.client.pipeline(transaction=True) as pipeline:
            pipeline.hincrby(keys.progress(self.batch_id), "attempts", -1)
            pipeline.hdel(keys.progress(self.batch_id), "in_hand")
            # Another worker may have discarded the batch, and nobody would remove this key then.
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
    entries, beside_strange = _read(batch_id, encoded)
    in_hand, suspect = hands
    batch = TakenBatch(client, batch_id, entries, attempts, in_hand, suspect, beside_strange)
    if not batch.entries:
        batch.discard()
        return None
    return batch


def seize(client: Redis, batch_id: str) -> TakenBatch:
    """Take a batch by commands that a full Redis allows: without MULTI, a lease, or a count of this attempt."""
    with client.pipeline(transaction=False) as pipeline:
        pipeline.renamenx(keys.batch(batch_id), keys.taken(batch_id))
        pipeline.lrange(keys.taken(batch_id), 0, -1)
        pipeline.hget(keys.progress(batch_id), "attempts")
        renamed, encoded, attempts = pipeline.execute(raise_on_error=False)
    _raise_unless_missing(renamed)
    entries, beside_strange = _read(batch_id, encoded)
    return TakenBatch(client, batch_id, entries, int(attempts or 0), None, None, beside_strange)


def _read(batch_id: str, encoded: list[bytes]) -> tuple[list[Entry], list[bytes] | None]:
    """The pushes in a list, each once, and `TakenBatch.beside_strange`."""
    read = list(map(read_entry, encoded))
    # An append whose reply was lost is repeated, so a push may be in the list twice.
    entries = list({entry.push_id: entry for entry in read if entry}.values())
    strange = read.count(None)
    if not strange:
        return entries, None
    kept = keys.unreadable(batch_id)
    _log.error("batch %s has %d elements that are no pushes: they are left under %s", batch_id, strange, kept)
    return entries, [one for one, entry in zip(encoded, read, strict=True) if entry]


def _raise_unless_missing(renamed: Any) -> None:
    # Redis answers in these words, in all versions, when there is no list, as it was renamed before.
    if isinstance(renamed, ResponseError) and "no such key" not in str(renamed):
        raise renamed
