"""The web process of the tests waits for a slow store, where the real one would go to the other."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ingest.batch import keys
from tests.batches import batch_ids
from tests.patience import ANSWER_SECONDS, SECONDS
from tests.processes import running_web
from tests.pushes import push

SLOW_SECONDS = 1.5
"""Longer than a push waits for its answer in earnest"""


def test_slow_redis_is_waited_for(database_url: str, redis_url: str, client: Any) -> None:
    """A disk that stands still for a second would do the same."""
    with running_web(DATABASE_URL=database_url, REDIS_URL=redis_url) as url:
        client.client_pause(int(1000 * SLOW_SECONDS), all=False)
        answer = httpx.post(f"{url}/airudder/custom-api", json=push())

    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() > SLOW_SECONDS / 2
    assert [client.llen(keys.batch(batch_id)) for batch_id in batch_ids(client)] == [1]


@pytest.mark.parametrize("ask", [httpx.get, httpx.post, httpx.request, httpx.Client, httpx.AsyncClient])
def test_tests_wait_longer_than_web(ask: Callable[..., Any]) -> None:
    """Whoever asks web has its answer, and no time-out before, though both stores are slow."""
    waits = inspect.signature(ask).parameters["timeout"].default
    assert waits == httpx.Timeout(ANSWER_SECONDS)
    assert ANSWER_SECONDS > 2 * SECONDS
