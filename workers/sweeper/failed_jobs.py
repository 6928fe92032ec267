"""Failed jobs: RQ keeps each for a year. One whose batch has been settled since then is removed."""

from __future__ import annotations

from redis import Redis

from ingest.batch import keys
from ingest.batch.queue import normalise_queue
from workers.sweeper.chore import Chore


class FailedJobs(Chore):
    """Tidies RQ's registry of failed jobs, so that the dashboard shows those that still matter."""

    name = "failed jobs"

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._registry = normalise_queue(client).failed_job_registry

    def run_once(self) -> int:
        """Remove the jobs whose batches are gone; return 0."""
        for batch_id in self._registry.get_job_ids(cleanup=False):
            if self._client.zscore(keys.BATCHES, batch_id) is None:
                self._registry.remove(batch_id, delete_job=True)
        return 0
