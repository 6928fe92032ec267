"""A chore of the sweeper: done when it is due; one that fails is told of, rests, and holds up no other."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from ingest.errors import IngestError, describe

REST_SECONDS = 60.0
"""How long to leave the tables alone when they could not be locked: whoever waits for a lock holds up others."""

_log = logging.getLogger(__name__)


@dataclass
class Chore:
    """`run` says how much it handled: while it is something, the chore is due again at once, and else after `every`
    seconds; after a failure it rests for `rest` seconds."""

    name: str
    run: Callable[[], int]
    clock: Callable[[], float]
    every: float = 0.0
    rest: float = 0.0
    due_at: float = 0.0
    _told: tuple[str, float] = ("", 0.0)

    def run_if_due(self) -> int:
        """How much was handled; 0 if it was not due, or failed."""
        if self.clock() < self.due_at:
            return 0
        wait = self.rest
        try:
            handled = self.run()
            wait = 0.0 if handled else self.every
        except Exception as error:  # whatever it is, the others have their turn
            handled = 0
            self._tell(error)
        self.due_at = self.clock() + wait
        return handled

    def _tell(self, error: Exception) -> None:
        """Log what went wrong, once a minute if it stays the same."""
        is_foreseen = isinstance(error, IngestError)
        words = f"{self.name} wait: {error if is_foreseen else describe(error)}"
        if self._told[0] != words or self.clock() >= self._told[1]:
            _log.log(logging.WARNING if is_foreseen else logging.ERROR, words)
            self._told = words, self.clock() + REST_SECONDS
