"""What is logged of a backlog: that it is there, and that it is gone."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from ingest.batch import keys
from tests.clock import Clock
from workers.backlog import Backlog


def test_backlog_is_told_twice(client: Any, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """Once when it has come, and once when it is gone; a batch that has just come is none."""
    caplog.set_level(logging.INFO)
    backlog = Backlog(clock)
    client.zadd(keys.BATCHES, {"b1": clock.now, "b2": clock.now + 20})
    backlog.look(client)
    assert caplog.messages == []

    clock.now += 30
    backlog.look(client)
    backlog.look(client)
    client.zrem(keys.BATCHES, "b1")
    backlog.look(client)
    backlog.look(client)

    assert caplog.messages == ["a backlog: 2 batches, the oldest for 30 s", "the backlog is gone, after 30 s"]
    client.delete(keys.BATCHES)
    backlog.look(client)
    assert len(caplog.messages) == 2
