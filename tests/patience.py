"""Longer limits for web's waiting: where a disk stands still for a second, its stores are slow and not away."""

from __future__ import annotations

import sys
from pathlib import Path

REDIS = (
    "ingest.batch.clients.ACKNOWLEDGE_TIMEOUT_SECONDS",
    "ingest.web.open_batch.ACKNOWLEDGE_TIMEOUT_SECONDS",
    "ingest.web.open_batch.REDIS_SECONDS",
    "ingest.web.open_batch.LEAST_REDIS_SECONDS",
)
POSTGRES = ("ingest.web.fallback.TIMEOUT_SECONDS",)
"""The limits that each store has to answer within"""

SECONDS = 20.0


def waiting(*limits: str) -> str:
    """Python that a process runs before anything else, and which raises these limits."""
    lines = ["from importlib import import_module"]
    for limit in limits:
        module, _, name = limit.rpartition(".")
        lines.append(f"assert import_module({module!r}).{name}")
        lines.append(f"import_module({module!r}).{name} = {SECONDS}")
    return "\n".join(lines)


PATIENT_WITH_POSTGRES = waiting(*POSTGRES)
PATIENT = waiting(*REDIS, *POSTGRES)
PATIENT_WEB = (sys.executable, "-P", str(Path(__file__).with_name("patient_web.py")))
