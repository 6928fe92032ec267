"""The data folder and the ports, which have to be free before anything is started."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from typing import IO

from ingest.errors import AlreadyRunningError, SettingError
from ingest.listening import bound
from ingest.running import LOCK_FILE
from ingest.settings import Settings


@contextmanager
def claimed(current: Settings) -> Iterator[None]:
    """Hold the lock of the data folder in the block; AlreadyRunningError with the process that has it."""
    with (current.data_dir / LOCK_FILE).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(
                f"already running with data in {current.data_dir} (process {_owner(lock)}): "
                "stop it with Ctrl-C in its terminal, or set INGEST_DATA_DIR, PORT, DASHBOARD_PORT and "
                "INGEST_METRICS_PORT for a second one"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _owner(lock: IO[str]) -> str:
    lock.seek(0)
    return lock.read() or "unknown"


def check_ports(current: Settings) -> None:
    """SettingError with the variable to change if a port is taken, or two are the same."""
    places = (
        ("PORT", current.host, current.port),
        ("DASHBOARD_PORT", "127.0.0.1", current.dashboard_port),
        ("INGEST_METRICS_PORT", current.metrics_host, current.metrics_port),
    )
    for (one, _, port), (other, _, other_port) in combinations(places, 2):
        if port == other_port:
            raise SettingError(f"{one} and {other} are both {port}: set another {other}")
    for variable, host, port in places:
        bound(variable, host, port).close()
