"""The worker process: a pool of WORKERS simple workers, each with one Postgres connection, all on one queue."""

from __future__ import annotations

import faulthandler
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from redis.exceptions import RedisError, ResponseError
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.suspension import is_suspended
from rq.worker import WorkerStatus
from rq.worker_pool import WorkerData, WorkerPool

from ingest import logs, settings
from ingest.batch.clients import brisk_client, patient_client
from ingest.batch.lease import forget_the_dead, holder, take_from_the_dead
from ingest.batch.queue import JOB_TIMEOUT_SECONDS, QUEUE_NAME, WORKER_TTL_SECONDS, BatchJob, BatchQueue
from ingest.errors import BatchFailedError, WorkWaitsError, describe
from ingest.garbage import THRESHOLD_OF_BATCHES, spare_garbage_collector
from ingest.opening.openers import openers
from workers import jobs
from workers.backlog import Backlog
from workers.start import look_at_servers

PARENT_CHECK_SECONDS = 1.0
STOP_SECONDS = JOB_TIMEOUT_SECONDS + 2.0
"""How long workers that are told to stop may take: a job that hangs has ended its worker by then"""
KILL_SECONDS = STOP_SECONDS + 1.0
TELL_WHERE = signal.SIGUSR1
"""Has a worker print a traceback of places, even in a call into C that does not return"""
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Blocked in a new worker until it has installed its handlers. The pool sends each only once: it would be lost."""

_log = logging.getLogger("worker")


class NormalisingWorker(SimpleWorker):
    """Runs jobs in its own process, without RQ's scheduler, and without the three lines that RQ logs for each job.

    A pool that replaces a worker passes RQ's own logging level, so the level is set here and not at the pool's start.
    """

    max_connection_wait_time = 5.0
    """Seconds between two looks for a Redis that is away. RQ waits up to a minute: for so long after Redis is back a
    worker would take nothing, and its heart would not beat."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        try:
            super().__init__(*arguments, **{**options, "worker_ttl": WORKER_TTL_SECONDS})
        except (RedisError, OSError) as error:  # the pool starts another one each second, and a traceback is long
            _log.warning("a worker cannot begin: %s", describe(error))
            sys.exit(1)

    def work(self, *arguments: Any, **options: Any) -> bool:
        """Work until told to stop, or until the pool is gone.

        An error is logged here, without its text: a traceback on stderr would show that, and it may hold a row.
        """
        faulthandler.register(TELL_WHERE)
        threading.Thread(target=_leave_with_the_pool, args=(_pool_pid(),), daemon=True).start()
        try:
            return super().work(*arguments, **{**options, "with_scheduler": False, "logging_level": "WARNING"})
        except Exception as error:
            _log.critical("a worker ends: %s", describe(error))
            sys.exit(1)
        finally:
            jobs.database().close()

    def subscribe(self) -> None:
        """Take no commands over Redis: anybody who can publish there could end the worker. Signals do that."""

    def register_birth(self) -> None:
        """Also note this worker's process, by which others can tell later that it has ended."""
        super().register_birth()  # type: ignore[no-untyped-call]
        self.connection.hset(self.key, "holder", holder())

    def run_maintenance_tasks(self) -> None:
        """Clean RQ's registries of our queue, though not its groups, of which we have none.

        An entry that another program has put there may raise anything: it is logged, and the worker goes on.
        """
        try:
            self.clean_registries()  # type: ignore[no-untyped-call]
        except RedisError:
            raise
        except Exception as error:
            self.last_cleaned_at = datetime.now(UTC)  # type: ignore[assignment]
            _log.warning("RQ's registries were not cleaned: %s", describe(error))

    def dequeue_job_and_maintain_ttl(self, *arguments: Any) -> Any:
        """Wait for the next job. An entry of the queue that RQ cannot fetch, as it is no job, is skipped.

        RQ looks for a pause before it waits, and so would take one more batch in a pause that began meanwhile.
        """
        while True:
            try:
                found = super().dequeue_job_and_maintain_ttl(*arguments)
                if not found or not is_suspended(self.connection):
                    return found
                _give_back(*found)
                self.check_for_suspension(burst=False)
                if self._stop_requested:
                    return None
            except (ValueError, ResponseError) as error:
                # RQ sets `job_id` on errors that came from fetching a job. An id that is no text fails earlier.
                if not hasattr(error, "job_id") and not isinstance(error, UnicodeDecodeError):
                    raise
                _log.warning("what is no job at all was refused: %s", describe(error))

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Log a job that failed in one line; RQ keeps its traceback for the dashboard."""
        error = exc_info[1]
        if isinstance(error, WorkWaitsError | BatchFailedError):
            _log.warning("batch %s waits: %s", job.id, str(error), extra={"batch": job.id})
        else:
            _log.error("batch %s waits: %s", job.id, describe(error), extra={"batch": job.id})

    def _shutdown(self) -> None:
        """After its job, or at once where it has none. RQ raises an Exception then, which whatever the signal has
        interrupted may swallow: redis-py does, at each command."""
        if self.get_state() != WorkerStatus.BUSY:
            raise SystemExit
        super()._shutdown()  # type: ignore[no-untyped-call]

    def _install_signal_handlers(self) -> None:
        super()._install_signal_handlers()  # type: ignore[no-untyped-call]
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def _give_back(job: Job, queue: Queue) -> None:
    """Put a job back to where it was: at the front of its queue."""
    with queue.connection.pipeline(transaction=True) as pipeline:
        pipeline.lrem(queue.intermediate_queue_key, 1, job.id)
        queue.push_job_id(job.id, pipeline=pipeline, at_front=True)
        pipeline.execute()


class NormalisingPool(WorkerPool):
    """Logs that a worker died, and enqueues the batch that it had; RQ starts another worker."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._backlog = Backlog()
        self._stopped_at: float | None = None

    def request_stop(self, *arguments: Any) -> None:
        """Tell the workers to stop, by a signal."""
        self._stopped_at = self._stopped_at or time.monotonic()
        super().request_stop(*arguments)  # type: ignore[no-untyped-call]

    def all_workers_have_stopped(self) -> bool:
        """Once a second of a stop. A worker that hangs says where, and is killed: its batch is taken up by another."""
        has_stopped = super().all_workers_have_stopped()
        took = time.monotonic() - (self._stopped_at or time.monotonic())
        for worker in self.worker_dict.values() if took > STOP_SECONDS else ():
            is_over = took > KILL_SECONDS
            if is_over:
                _log.warning("worker %d has not stopped in %.0f s: it is killed", worker.pid, took)
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGKILL if is_over else TELL_WHERE)
        return has_stopped

    def start_worker(self, *arguments: Any, **options: Any) -> None:
        """Fork a worker, unless everything is being stopped."""
        if self.status == self.Status.STOPPED:
            return
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            super().start_worker(*arguments, **options)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    def check_workers(self, respawn: bool = True) -> None:
        """Once a second: also enqueue the batches of workers that died on this host, in this pool or an earlier one."""
        super().check_workers(respawn)
        # Without Redis the workers log enough, and the sweeper looks for lost batches too. A ValueError comes of values
        # that another program has put there.
        with suppress(RedisError, OSError, ValueError):
            for batch_id in take_from_the_dead(self.connection):
                _log.warning("batch %s lost its worker: enqueued again", batch_id, extra={"batch": batch_id})
            forget_the_dead(self.connection)
            self._backlog.look(self.connection)

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
    # A pool that is killed cannot stop its workers, and the next pool starts as many again.
    while os.getppid() == pool_pid:
        time.sleep(PARENT_CHECK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Work until SIGTERM; the batches that workers have are finished first. Raises SettingError."""
    logs.configure("worker")
    current = settings.load()
    openers()  # raises now what each batch would raise; the workers share what is imported
    client = patient_client(current.redis_url)
    with brisk_client(current.redis_url) as brisk:  # closed before the pool forks
        look_at_servers(brisk, current.database_url)
    pool = NormalisingPool(
        [QUEUE_NAME],
        connection=client,
        num_workers=current.workers,
        worker_class=NormalisingWorker,
        job_class=BatchJob,
        queue_class=BatchQueue,
        serializer=JSONSerializer,
    )
    spare_garbage_collector(THRESHOLD_OF_BATCHES)  # before the pool forks: its workers share what is loaded
    pool.start(logging_level="WARNING")
