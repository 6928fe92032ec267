"""Clocks: by how much a host's differs from a server's. Web's clock stamps a push, and the newest push wins."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

NOTE_SECONDS = 0.5
"""Two nodes may push the same call within a second. Where one host is so far ahead of the server and another so far
behind, the older push would count as the newer."""
CHANGE_SECONDS = 2.0
"""From here on this may happen to pushes of nodes that follow each other in a short call. Retries are no matter: the
same bytes are no news, whatever the clocks say."""

AGREES = "agrees with the servers'"


@dataclass(frozen=True)
class ClockReading:
    """A server's clock, as seconds since the epoch, and our own before the question and after the answer."""

    server: float
    asked: float
    answered: float

    @classmethod
    def since(cls, asked: float, server: float) -> ClockReading:
        """The reading of an answer that has just come."""
        return cls(server, asked, time.time())

    @property
    def ahead(self) -> float:
        """By how many seconds the server is ahead of us at least; below 0, behind.

        The time that the question and the answer took is not counted.
        """
        if self.server > self.answered:
            return self.server - self.answered
        return min(0.0, self.server - self.asked)


def words(readings: Mapping[str, ClockReading]) -> str:
    """How this host's clock compares with the servers', as `/readyz` says it."""
    off = [f"{name}'s by {abs(one.ahead):.1f} s" for name, one in readings.items() if abs(one.ahead) >= NOTE_SECONDS]
    return f"differs from {' and '.join(off)}: pushes of two hosts may change places" if off else AGREES
