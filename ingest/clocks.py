"""Clocks: by how much a host's differs from a server's. Web's clock stamps a push, and the newest push wins."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

NOTE_SECONDS = 0.5
"""Two nodes may push the same call within a second of each other: two hosts that are so far apart, one to each side of
the server's clock, turn them round."""
CHANGE_SECONDS = 2.0
"""Nodes in turn, of a short call: what was pushed later may count as older. The vendor's retries are the same bytes,
and no news whatever the clocks say."""

AGREES = "agrees with the servers'"


@dataclass(frozen=True)
class Reading:
    """A server's clock, as seconds since the epoch, and our own before the question and after the answer."""

    server: float
    asked: float
    answered: float

    @classmethod
    def since(cls, asked: float, server: float) -> Reading:
        """The reading of an answer that has just come."""
        return cls(server, asked, time.time())

    @property
    def ahead(self) -> float:
        """By how many seconds at least the server is ahead of us (or less than 0: behind): what the way there and back
        can explain is not counted."""
        if self.server > self.answered:
            return self.server - self.answered
        return min(0.0, self.server - self.asked)


def words(readings: Mapping[str, Reading]) -> str:
    """What `/readyz` says of this host's clock, held against the servers'."""
    off = [f"{name}'s by {abs(one.ahead):.1f} s" for name, one in readings.items() if abs(one.ahead) >= NOTE_SECONDS]
    return f"differs from {' and '.join(off)}: pushes of two hosts may change places" if off else AGREES
