"""Running: the files by which `ingest up` tells other commands that it runs, and where its servers are."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from typing import Any

from ingest.process_ids import is_alive

RUNNING_FILE = "running.json"
"""In the data folder while `ingest up` runs: its pid, and the variables that lead other commands to its servers"""

LOCK_FILE = "lock"
"""In the data folder: holds the pid of `ingest up`, which keeps the file locked as long as it lives"""


def running_pid(data_dir: Path) -> int | None:
    """The process of the `ingest up` that runs with this data folder; None if none does."""
    # An `ingest up` that was killed leaves its file behind, and another process may have its pid by now.
    pid = _running(data_dir).get("pid")
    return pid if isinstance(pid, int) and is_alive(pid) and _holds_lock(pid, data_dir) else None


def _holds_lock(pid: int, data_dir: Path) -> bool:
    try:
        with (data_dir / LOCK_FILE).open() as lock:
            if lock.read() != str(pid):
                return False
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (OSError, ValueError):
        pass  # without the file nothing is running
    return False


def read_running(data_dir: Path) -> dict[str, str]:
    """The variables that lead to its servers; none if none runs."""
    if running_pid(data_dir) is None:
        return {}
    return {name: value for name, value in _running(data_dir).items() if name != "pid"}


def _running(data_dir: Path) -> dict[str, Any]:
    try:
        running = json.loads((data_dir / RUNNING_FILE).read_text())
    except (OSError, ValueError):
        return {}
    return running if isinstance(running, dict) else {}
