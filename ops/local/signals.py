"""Signals to `ingest up`: to stop, to stop at once, or to have web read its tokens again.

SIGHUP has two senders. A service manager, or `ingest token reload`, asks for a reload. The kernel sends it when the
terminal is closed, and that means stop. After it we look whether our terminal is still there. Under nohup, which
ignores SIGHUP, it always means a reload.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
_MEANINGLESS = (signal.SIGUSR1, signal.SIGUSR2)
"""Without a handler each would end this process at once, and nothing would be stopped in order."""


class Signals:
    """Notes signals as they come, until the main loop asks for them."""

    def __init__(self) -> None:
        is_nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        self._terminal = None if is_nohup else _terminal()
        self._hangups = 0
        self._meaningless: list[str] = []
        self.stops = 0
        """How many signals to stop have come; the second means at once"""
        self.reason: str | None = None
        """Why it stops, if not by a signal that somebody sent"""

    def listen(self) -> None:
        """Install the handlers."""
        for number in (*_STOP, *_MEANINGLESS, signal.SIGHUP):
            signal.signal(number, self._note)

    def take_reload(self) -> bool:
        """Whether a reload was asked for since this was last asked."""
        hangups, self._hangups = self._hangups, 0
        return hangups > 0

    def take_meaningless(self) -> list[str]:
        """The names of signals that came since and mean nothing here."""
        names, self._meaningless = self._meaningless, []
        return names

    def _note(self, number: int, _frame: object) -> None:
        if number in _MEANINGLESS:
            self._meaningless.append(signal.Signals(number).name)
        elif number != signal.SIGHUP:
            self.stops += 1
        elif self._terminal is not None and not _is_terminal(self._terminal):
            self.stops += 1
            self.reason = "the terminal is closed"
        else:
            self._hangups += 1


def _terminal() -> int | None:
    """The first of stdin, stdout and stderr that is a terminal."""
    return next((descriptor for descriptor in range(3) if _is_terminal(descriptor)), None)


def _is_terminal(descriptor: int) -> bool:
    # The call fails when the other end of the terminal is closed.
    with suppress(OSError):
        return os.isatty(descriptor)
    return False
