"""Time for tests."""

from __future__ import annotations

import time

HOUR_SECONDS = 3600.0
DAY_SECONDS = 24 * HOUR_SECONDS
EDGE_SECONDS = 60.0
"""Longer than what a test counts by hours or days takes"""


class Clock:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Seconds, from nowhere in particular."""
        return self.now


def seconds_to_the_edge(now: float, span_seconds: float) -> float:
    """How long to wait at a moment, in seconds since the epoch, until the next hour or UTC day has begun. Nothing,
    unless it is about to."""
    left = span_seconds - now % span_seconds
    return left if left < EDGE_SECONDS else 0.0


def pass_the_edge(span_seconds: float) -> None:
    """Wait until the next hour or UTC day has begun, if it is about to: what begins then ends in the same one."""
    while wait := seconds_to_the_edge(time.time(), span_seconds):
        time.sleep(wait)
