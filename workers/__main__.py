"""The worker process: a pool of WORKERS simple workers, each with one Postgres connection, all on one queue."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import Any

from redis.exceptions import RedisError
from rq import SimpleWorker
from rq.serializers import JSONSerializer
from rq.worker_pool import WorkerData, WorkerPool

from ingest import logs, settings
from ingest.errors import SettingError
from ingest.garbage import spare_garbage_collector
from ingest.jobs import QUEUE_NAME, WORKER_TTL_SECONDS
from ingest.redis_client import patient_client
from workers import jobs  # loaded before the pool forks, so that no job waits for imports
from workers.lost_batch import take_from_the_dead

PARENT_CHECK_SECONDS = 1.0

_log = logging.getLogger("workers")


class NormalisingWorker(SimpleWorker):
    """Runs jobs in its own process; without RQ's scheduler, of which nothing here makes use, and without its three
    lines of log a job, to which a pool returns when it replaces a worker."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "worker_ttl": WORKER_TTL_SECONDS})

    def work(self, *arguments: Any, **options: Any) -> bool:
        """Work until told to stop, or until the pool is gone."""
        threading.Thread(target=_leave_with_the_pool, args=(_pool_pid(),), daemon=True).start()
        try:
            return super().work(*arguments, **{**options, "with_scheduler": False, "logging_level": "WARNING"})
        finally:
            jobs.database().close()


class NormalisingPool(WorkerPool):
    """Says so when a worker dies, and enqueues what it was at; RQ starts another one."""

    def check_workers(self, respawn: bool = True) -> None:
        """Once a second: also see to batches of workers that died here, in this pool or in one before it."""
        super().check_workers(respawn)
        # Without Redis the workers complain enough, and the sweeper looks for lost batches too.
        with suppress(RedisError, OSError):
            for batch_id in take_from_the_dead(self.connection):
                _log.warning("batch %s lost its worker: enqueued again", batch_id)

    def handle_dead_worker(self, worker_data: WorkerData) -> None:
        """Note the death, unless everything is being stopped."""
        if self.status != self.Status.STOPPED:
            _log.warning("worker %d left with exit code %s: starting another", *_obituary(worker_data))
        super().handle_dead_worker(worker_data)


def _obituary(worker_data: WorkerData) -> tuple[int, int | None]:
    return worker_data.pid, worker_data.process.exitcode


def _pool_pid() -> int:
    pool = multiprocessing.parent_process()
    return pool.pid if pool and pool.pid else os.getppid()


def _leave_with_the_pool(pool_pid: int) -> None:
    # A pool that is killed cannot stop its workers, and the next pool would double them.
    while os.getppid() == pool_pid:
        time.sleep(PARENT_CHECK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Work until SIGTERM; batches in hand are finished first."""
    logs.configure(logging.WARNING)
    try:
        current = settings.load()
        client = patient_client(current.redis_url)
        _ = current.database_url
    except SettingError as error:
        sys.exit(f"ingest: {error}")
    pool = NormalisingPool(
        [QUEUE_NAME],
        connection=client,
        num_workers=current.workers,
        worker_class=NormalisingWorker,
        serializer=JSONSerializer,
    )
    spare_garbage_collector()  # before the pool forks: its workers share what is loaded
    pool.start(logging_level="WARNING")


if __name__ == "__main__":
    main()
