"""Telling living processes from dead ones."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ingest.process_ids import is_alive
from tests.processes import wait_until


def test_running_process_is_alive() -> None:
    """Ours and one that belongs to somebody else."""
    assert is_alive(os.getpid())
    assert is_alive(1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_unreaped_process_is_dead() -> None:
    """A process that has ended is dead before its parent has asked how, and after."""
    ended = subprocess.Popen(["true"])
    wait_until(lambda: not is_alive(ended.pid), "it has ended")
    ended.wait()
    assert not is_alive(ended.pid)
