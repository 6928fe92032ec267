"""What web says of its stores, once it has looked at them anew."""

from __future__ import annotations

import time

import httpx

from ingest.web.readiness import SHARED_SECONDS
from tests.processes import wait_until


def ready_now(url: str) -> httpx.Response:
    """The answer of /readyz to a look of its own: for a tenth of a second it gives the one before."""
    time.sleep(2 * SHARED_SECONDS)
    return httpx.get(f"{url}/readyz")


def ready_once(url: str, redis: str) -> httpx.Response:
    """The answer of /readyz once it says so of Redis."""

    def found() -> list[httpx.Response]:
        answer = httpx.get(f"{url}/readyz")
        return [answer] if answer.json()["redis"] == redis else []

    (answer,) = wait_until(found, f"Redis {redis}")
    return answer
