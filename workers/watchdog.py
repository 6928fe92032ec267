"""The watchdog: ends a process that hangs where no signal reaches it, so that another one can take over its work."""

from __future__ import annotations

import faulthandler
from collections.abc import Iterator
from contextlib import contextmanager

from ingest.batch.queue import JOB_TIMEOUT_SECONDS

GRACE_SECONDS = 2
"""How long after RQ's alarm: a worker that can handle that goes on living"""


@contextmanager
def watched() -> Iterator[None]:
    """End the process, with a traceback of places on stderr, if the block outlives a job's time.

    Python handles the signal of RQ's alarm between two instructions, and so never during a call into C that does not
    return. The watchdog is a thread of its own in C, and does not need the interpreter.
    """
    faulthandler.dump_traceback_later(JOB_TIMEOUT_SECONDS + GRACE_SECONDS, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
