"""Longer limits for web's waiting: where a disk stands still for a second, its stores are slow and not away."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import httpx

REDIS = (
    "ingest.batch.clients.ACKNOWLEDGE_TIMEOUT_SECONDS",
    "ingest.web.open_batch.ACKNOWLEDGE_TIMEOUT_SECONDS",
    "ingest.web.open_batch.REDIS_SECONDS",
    "ingest.web.open_batch.LEAST_REDIS_SECONDS",
)
POSTGRES = ("ingest.web.fallback.TIMEOUT_SECONDS",)
"""The limits that each store has to answer within"""

SECONDS = 20.0

ANSWER_SECONDS = 60.0
"""So long a test waits for an answer: web may have waited for both stores, one after the other."""


def make_httpx_wait() -> None:
    """Have httpx wait so long wherever it is told nothing else: by itself it gives up after 5 s."""
    default = inspect.signature(httpx.get).parameters["timeout"].default
    vars(default).update(vars(httpx.Timeout(ANSWER_SECONDS)))


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
