"""The watchdog, on a process that no signal reaches."""

from __future__ import annotations

import subprocess
import sys

HANGS_IN_C = """
import ctypes
from workers import watchdog
watchdog.JOB_TIMEOUT_SECONDS, watchdog.GRACE_SECONDS = 1, 0
with watchdog.watched():
    pass
with watchdog.watched():
    ctypes.PyDLL(None).sleep(600)  # holds the interpreter's lock
"""


def test_hang_in_c_ends_process() -> None:
    """Work that holds the interpreter beyond its time ends the process; work that ends in time does not."""
    ended = subprocess.run([sys.executable, "-c", HANGS_IN_C], check=False, capture_output=True, text=True, timeout=90)

    assert ended.returncode == 1
    assert ended.stderr.startswith("Timeout (0:00:01)!")
    assert "<module>" in ended.stderr
