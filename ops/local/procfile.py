"""The Procfile's lines as processes for the supervisor."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from honcho.environ import parse_procfile

from ingest.batch.queue import JOB_TIMEOUT_SECONDS
from ingest.resources import locate
from ingest.settings import Settings
from ops.local.supervisor import Process

STOP_SECONDS = dict.fromkeys(("worker", "sweeper"), JOB_TIMEOUT_SECONDS + 5.0)
"""How long these may take to finish what they have in hand; web needs ten seconds at most."""


def processes(environ: dict[str, str]) -> dict[str, Process]:
    """A process for each line, by its name. All but `release` are started again when they end."""
    lines: dict[str, str] = parse_procfile(locate("Procfile").read_text()).processes
    return {name: _process(name, line, environ) for name, line in lines.items()}


def _process(name: str, line: str, environ: dict[str, str]) -> Process:
    # A shell reads the line, as under any other runner of Procfiles. By `exec` the program takes its place.
    seconds = STOP_SECONDS.get(name, Process.stop_seconds)
    return Process(name, ("sh", "-c", f"exec {line}"), environ, stop_seconds=seconds, is_kept=name != "release")


def environment(current: Settings, urls: dict[str, str]) -> dict[str, str]:
    """The variables of the processes: our own, the URLs, and PATH with our programs first."""
    programs = str(Path(sys.executable).parent)
    return {
        **os.environ,
        **urls,
        "HOST": current.host,
        "PORT": str(current.port),
        "DASHBOARD_PORT": str(current.dashboard_port),
        "INGEST_METRICS_PORT": str(current.metrics_port),
        "PATH": os.pathsep.join([programs, os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
    }
