"""Keys that are away: sources whose verifier or decryptor cannot come to its key, as this process has found."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

KEY_SECONDS = 1.0
"""How long pushes of one source may fail for want of a key, all together, until its others are spared the try"""
IN_A_ROW = 2
"""How many pushes it takes, as one alone may want a key that was never there"""
SPARED_SECONDS = 30.0
"""How long the source's pushes wait untried, in whatever batch: each batch would wait for time-outs otherwise"""


class KeysAway:
    """The sources whose pushes are spared the try for a while, so that those of others have their turn."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._until: dict[str, float] = {}

    def note(self, source: str, failed_seconds: Sequence[float]) -> None:
        """Pushes of the source have failed in a row, each after so many seconds."""
        if len(failed_seconds) >= IN_A_ROW and sum(failed_seconds) > KEY_SECONDS:
            self._until[source] = self.clock() + SPARED_SECONDS

    def is_away(self, source: str) -> bool:
        """Whether pushes of the source are spared the try now."""
        return source in self._until and self._until[source] > self.clock()

    def is_any_away(self) -> bool:
        """Whether those of some source are."""
        return any(map(self.is_away, self._until))
