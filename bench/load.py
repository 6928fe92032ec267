"""Load: closed-loop traffic from wrk, every request a push of its own; what came back, in numbers."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).parent / "push.lua"
CONNECTIONS = 64

_firsts = itertools.count(1)


@dataclass(frozen=True)
class Load:
    """What a load generator saw."""

    seconds: float
    answers: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    refused: int
    """Answers with a status of 400 or more"""
    failed: int
    """Requests without an answer"""

    @property
    def acknowledged(self) -> int:
        """How many pushes were answered with 200."""
        return self.answers - self.refused

    @property
    def rate(self) -> float:
        """Acknowledged pushes a second."""
        return self.acknowledged / self.seconds


def check_wrk() -> None:
    """Leave with a clear message if wrk is not installed."""
    if shutil.which("wrk") is None:
        sys.exit("bench: the load generator wrk is not installed; on Debian and Ubuntu: apt install wrk")


def load(url: str, body: Path, seconds: float, connections: int = CONNECTIONS) -> Load:
    """Post the pushes of a body template to `url` for some seconds, each connection as fast as it is answered."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "30s", "-s", str(SCRIPT), url]
    # A serial of its own for every push of a run, so that no call comes twice.
    environ = {**os.environ, "BENCH_BODY": str(body), "BENCH_FIRST": str(next(_firsts) * 10_000_000)}
    printed = subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout
    (line,) = (line for line in printed.splitlines() if line.startswith("BENCH "))
    return Load(**json.loads(line.removeprefix("BENCH ")))
