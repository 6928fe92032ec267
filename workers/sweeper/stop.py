"""The signals that stop the sweeper: it ends what it is at first, and leaves its rest at once."""

from __future__ import annotations

import os
import select
import signal

STOPPING = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """Notes a signal from now on.

    By a pipe and not by an Event: the handler may run while the same thread holds the Event's lock, and would wait.
    """

    def __init__(self) -> None:
        self.is_wanted = False
        self._reader, self._writer = os.pipe()
        for end in (self._reader, self._writer):
            os.set_blocking(end, False)
        for number in STOPPING:
            signal.signal(number, self._note)

    def wait(self, seconds: float) -> None:
        """Rest for so long, or until a signal comes."""
        if not self.is_wanted:
            select.select([self._reader], [], [], seconds)

    def _note(self, *_: object) -> None:
        self.is_wanted = True
        os.write(self._writer, b"\0")
