"""What signals tell `ingest up`: to stop, to hurry, or to have web read its tokens again.

SIGHUP has two meanings: a service manager, or `ingest token reload`, asks for a reload; a terminal that is closed says
that nobody is there any more. They are told apart by the terminal, which is gone then. Under nohup, which ignores the
signal, it is never taken for the second.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
_MEANINGLESS = (signal.SIGUSR1, signal.SIGUSR2)
"""Left alone, each would end us without a word, and everything else without order."""


class Signals:
    """Notes signals as they come; whoever runs the loop asks what there was."""

    def __init__(self) -> None:
        is_nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        self._terminal = None if is_nohup else _terminal()
        self._hangups = 0
        self._meaningless: list[str] = []
        self.stops = 0
        """How often it was told to stop; twice means at once"""
        self.reason: str | None = None
        """Why to stop, where nobody has typed or sent what says so"""

    def listen(self) -> None:
        """From now on."""
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
    # The question itself fails once the other end is closed.
    with suppress(OSError):
        return os.isatty(descriptor)
    return False
