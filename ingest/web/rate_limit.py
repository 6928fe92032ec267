"""The rate limit: so many pushes a second for each source, so that one does not take what the others need."""

from __future__ import annotations

import time
from collections.abc import Callable

BURST_SECONDS = 10
"""A source that was quiet may send so many seconds' worth at once: a campaign begins with a burst."""


class RateLimit:
    """A bucket a source, filled steadily, from which each push takes one. `per_second` is for this process alone."""

    def __init__(self, per_second: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def admits(self, source: str) -> bool:
        """Take one from the source's bucket; false if it is empty."""
        if self._per_second is None:
            return True
        now, full = self._clock(), float(self._per_second * BURST_SECONDS)
        left, since = self._buckets.get(source, (full, now))
        left = min(full, left + (now - since) * self._per_second)
        self._buckets[source] = (left - 1 if left >= 1 else left, now)
        return left >= 1
