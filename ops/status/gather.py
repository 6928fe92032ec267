"""Gather the facts of both servers, at one moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from ingest.settings import Settings
from ops.status import in_postgres, in_redis
from ops.status.facts import Facts


def gather(current: Settings) -> Facts:
    """Ask both servers at once: whoever looks waits for the slower one alone."""
    with ThreadPoolExecutor(2) as threads:
        redis, postgres = threads.submit(in_redis.look, current), threads.submit(in_postgres.look, current)
        told = redis.result()
        return Facts(told.at or datetime.now(UTC), told, postgres.result())
