"""Processes that a scenario may kill, freeze and hold down; all others are started again at once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.processes import descendants

KEEP_SECONDS = 0.05


def signal_all(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to those processes that are still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


class Managed:
    """One process with all below it; its output goes to a file."""

    def __init__(self, name: str, command: tuple[str, ...], environ: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.user: str | None = None
        self.cwd: Path | None = None
        self.starts = 0
        self.is_held = False
        self._command = command
        self._environ = environ
        self._log = folder / f"{name}.out"
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process as it runs now."""
        assert self._popen
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._popen is not None and self._popen.poll() is None

    def start(self) -> None:
        """Start it, and keep it running from now on."""
        self.is_held = False
        self.starts += 1
        with self._log.open("ab") as log:
            self._popen = subprocess.Popen(
                self._command,
                env=dict(self._environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self.cwd,
                user=self.user,
                group=self.user,
                extra_groups=[] if self.user else None,
            )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        signal_all([self.pid], number)

    async def kill(self, *, hold: bool = False) -> None:
        """SIGKILL it and everything below it; `hold` keeps it down."""
        await kill_at_once([self], hold=hold)

    def pids(self) -> list[int]:
        """It and everything below it; none if it was never started."""
        return [self.pid, *descendants(self.pid)] if self._popen else []

    def wait(self) -> None:
        """Return when it has ended."""
        if self._popen:
            self._popen.wait()

    def instead(self, *arguments: str) -> Managed:
        """Another `python …` in the same environment."""
        return Managed(f"{self.name}-instead", (self._command[0], *arguments), self._environ, self._log.parent)

    def printed(self) -> str:
        """All that it has printed, over all its starts."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""


async def kill_at_once(processes: Sequence[Managed], *, hold: bool = False) -> None:
    """SIGKILL processes with everything below them, without a moment between; `hold` keeps them down."""

    def kill() -> None:
        pids = [pid for process in processes for pid in process.pids()]
        signal_all(pids, signal.SIGKILL)
        for process in processes:
            process.wait()

    for process in processes:
        process.is_held = True
    # In a thread: the pushes, and what the proxy forwards, go on until the very moment.
    await asyncio.to_thread(kill)
    for process in processes:
        process.is_held = hold


async def keep_running(processes: Sequence[Managed]) -> None:
    """Start again whatever ends and is not held, until cancelled."""
    while True:
        for process in processes:
            if not process.is_held and not process.is_running:
                process.start()
        await asyncio.sleep(KEEP_SECONDS)
