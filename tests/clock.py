"""Time for tests."""

from __future__ import annotations


class Clock:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Seconds, from nowhere in particular."""
        return self.now
