"""The watchdog: ends a process whose work has hung where no signal reaches it; another one takes the work up."""

from __future__ import annotations

import faulthandler
from collections.abc import Iterator
from contextlib import contextmanager

from ingest.batch.queue import JOB_TIMEOUT_SECONDS

GRACE_SECONDS = 2
"""RQ's alarm comes first, and a worker that can hear it lives on."""


@contextmanager
def watched() -> Iterator[None]:
    """End the process, with a traceback of places on stderr, if the block outlives a job's time.

    Python runs the handler of RQ's alarm between two of its instructions: a call into C that does not return never
    gets there. The watchdog is a thread in C and needs nothing of the interpreter.
    """
    faulthandler.dump_traceback_later(JOB_TIMEOUT_SECONDS + GRACE_SECONDS, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
