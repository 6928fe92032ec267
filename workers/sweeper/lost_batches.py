"""Lost batches: those that no worker has, and no job in the queue is about. Each gets a job again."""

from __future__ import annotations

import logging
from collections.abc import Callable

from redis import Redis

from ingest.batch import keys
from ingest.batch.index import batches_in_flight, forget_strange
from ingest.batch.lease import enqueue_again, leases
from ingest.batch.queue import normalise_queue
from workers.sweeper.chore import Chore

GRACE_SECONDS = 10.0
"""How long a batch has to be seen without job and lease: for a moment each is, between the queue and its worker"""

_log = logging.getLogger("sweeper.lost_batches")


class LostBatches(Chore):
    """Compares the index of batches with RQ's queue and the leases; the index is what counts."""

    name = "lost batches"

    def __init__(self, client: Redis, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._queue = normalise_queue(client)
        self._missing_since: dict[str, float] = {}

    def run_once(self) -> int:
        """Enqueue what is lost; return how many batches."""
        lost = self._find()
        for batch_id in lost:
            _log.warning("batch %s had no live job: enqueued again", batch_id, extra={"batch": batch_id})
            enqueue_again(self._queue, batch_id)
            del self._missing_since[batch_id]
        return len(lost)

    def _find(self) -> list[str]:
        in_flight = batches_in_flight(self._client)
        # Counting costs nothing; all are read once more only where one may be no batch.
        if self._client.zcard(keys.BATCHES) > len(in_flight) and (strange := forget_strange(self._client)):
            _log.error("the index of batches had %d members that are no batches: they are removed", strange)
        queued = set(self._queue.get_job_ids())
        candidates = [batch_id for batch_id in in_flight if batch_id not in queued]
        missing = [batch_id for batch_id, lease in leases(self._client, candidates) if lease is None]
        now = self._clock()
        self._missing_since = {batch_id: self._missing_since.get(batch_id, now) for batch_id in missing}
        return [batch_id for batch_id, since in self._missing_since.items() if now - since >= GRACE_SECONDS]
