"""RQ's alarm at the end of a job's time, rung at the very moment that a test is about: a clock would meet others."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from rq.timeouts import JobTimeoutException, UnixSignalDeathPenalty

from ingest.batch.queue import JOB_TIMEOUT_SECONDS


def ring() -> None:
    """Let the time of the job be over that is under way here. One whose time has no end fails the test."""
    if not 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= JOB_TIMEOUT_SECONDS:
        pytest.fail("nothing would end this job")
    signal.raise_signal(signal.SIGALRM)


@contextmanager
def job_time() -> Iterator[None]:
    """The time of a job, as RQ gives it."""
    with UnixSignalDeathPenalty(JOB_TIMEOUT_SECONDS, JobTimeoutException):  # type: ignore[no-untyped-call]
        yield


@contextmanager
def job_time_until(is_over: Callable[[], bool]) -> Iterator[None]:
    """The same, which is over as soon as something is so. It is asked in a thread."""
    job, has_left = threading.get_ident(), threading.Event()

    def wait_and_ring() -> None:
        while not has_left.wait(0.02):
            if is_over():
                signal.pthread_kill(job, signal.SIGALRM)
                return

    with job_time():
        bell = threading.Thread(target=wait_and_ring)
        bell.start()
        try:
            yield
        finally:
            has_left.set()
            bell.join()
