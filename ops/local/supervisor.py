"""The supervisor: keeps a set of processes running on one machine, prints what they say, and stops them in order.

It has one thread, so that code may run in a child between fork and exec. There, on Linux, the child asks the kernel for
its stop signal when the supervisor dies. So no process outlives a supervisor that was killed.
"""

from __future__ import annotations

import ctypes
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

FIRST_BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""After a process has run for so long, its earlier failures no longer make the wait before a restart longer."""
PUMP_SECONDS = 0.2
LOG_BYTES = 16 * 1024 * 1024
"""When a log is larger, so many bytes of its end are kept as `.1`, in place of the older `.1`, and it is emptied."""

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Process:
    """A command to run, and how to stop it."""

    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str]
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 15.0
    user: str | None = None
    folder: Path | None = None
    """The folder it runs in, which its user need not be able to reach by path"""
    log: Path | None = None
    """The file that its output goes to, instead of to `say`"""
    is_kept: bool = True
    """Whether it is started again when it ends"""


@dataclass
class _Child:
    process: Process
    popen: subprocess.Popen[bytes]
    started_at: float
    backoff: float
    restart_at: float | None = None
    unfinished: bytes = field(default=b"")


class Supervisor:
    """Keeps processes running. `say` is called with a process's name and a line that it printed or that is about it."""

    def __init__(self, say: Callable[[str, str], None]) -> None:
        self._say = say
        self._children: dict[str, _Child] = {}
        self._selector = selectors.DefaultSelector()

    def start(self, process: Process, backoff: float = FIRST_BACKOFF_SECONDS) -> None:
        """Start a process; OSError if its program cannot be run."""
        with _open_log(process.log) if process.log else nullcontext() as output:
            popen = subprocess.Popen(  # noqa: S603 - the Procfile's own lines
                process.command,
                env=dict(process.environ),
                stdin=subprocess.DEVNULL,
                stdout=output or subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=process.folder,
                user=process.user,
                group=process.user,
                extra_groups=[] if process.user else None,
                preexec_fn=lambda: _prepare(process),  # noqa: PLW1509 - one thread: see the module
            )
        child = _Child(process, popen, time.monotonic(), backoff)
        self._children[process.name] = child
        if popen.stdout:
            os.set_blocking(popen.stdout.fileno(), False)
            self._selector.register(popen.stdout, selectors.EVENT_READ, child)

    def pump(self) -> None:
        """Print lines, notice processes that have ended, start again those that are due; takes PUMP_SECONDS at most."""
        for key, _ in self._selector.select(PUMP_SECONDS):
            self._read(key.data)
        for child in list(self._children.values()):
            if child.process.log:
                # A log that was removed, or a full disk, is no reason to stop what runs.
                with suppress(OSError):
                    _bound_log(child.process.log)
            if child.restart_at is None:
                self._reap(child)
            elif time.monotonic() >= child.restart_at:
                self._restart(child)

    def pass_on(self, name: str, number: signal.Signals) -> None:
        """Send a process a signal, if it runs."""
        if name in self._children and self._children[name].popen.poll() is None:
            self._children[name].popen.send_signal(number)

    def exit_code(self, name: str) -> int | None:
        """How a process ended; None while it runs."""
        return self._children[name].popen.poll()

    def stop(self, names: Iterable[str], is_hurried: Callable[[], bool] = lambda: False) -> None:
        """Stop processes side by side: each by its signal, and its whole group by SIGKILL when its time is over."""
        children = [self._children.pop(name) for name in names if name in self._children]
        running = [child for child in children if child.popen.poll() is None]
        for child in running:
            child.popen.send_signal(child.process.stop_signal)
        begun = time.monotonic()
        while running:
            for key, _ in self._selector.select(PUMP_SECONDS):
                self._read(key.data)
            running = [child for child in running if child.popen.poll() is None]
            for child in running:
                if is_hurried() or time.monotonic() - begun > child.process.stop_seconds:
                    self._say(child.process.name, "did not stop in time: killed")
                    _kill_group(child.popen)
        for child in children:
            self._clean_up(child)

    def _reap(self, child: _Child) -> None:
        code = child.popen.poll()
        if code is None or not child.process.is_kept:
            return
        self._clean_up(child)
        now = time.monotonic()
        wait = FIRST_BACKOFF_SECONDS if now - child.started_at >= STEADY_SECONDS else child.backoff
        child.backoff = min(wait * 2, LONGEST_BACKOFF_SECONDS)
        child.restart_at = now + wait
        self._say(child.process.name, f"ended {_how(code)}; starting it again in {wait:.0f} s")

    def _restart(self, child: _Child) -> None:
        try:
            self.start(child.process, child.backoff)
        except OSError as error:
            # The machine has no more processes or files to give. The other children go on.
            wait, child.backoff = child.backoff, min(child.backoff * 2, LONGEST_BACKOFF_SECONDS)
            child.restart_at = time.monotonic() + wait
            self._say(child.process.name, f"cannot be started ({error.strerror}); trying again in {wait:.0f} s")

    def _clean_up(self, child: _Child) -> None:
        # Processes that it has started in its group end too, such as the workers of a pool.
        _kill_group(child.popen)
        stdout = child.popen.stdout
        if stdout and not stdout.closed:
            self._read(child)
        if stdout and not stdout.closed:
            self._close(child, stdout)

    def _read(self, child: _Child) -> None:
        stdout = child.popen.stdout
        if stdout is None or stdout.closed:
            return
        while chunk := _read_available(stdout):
            *lines, child.unfinished = (child.unfinished + chunk).split(b"\n")
            for line in lines:
                self._say(child.process.name, line.decode(errors="replace"))
        if chunk == b"":
            self._close(child, stdout)

    def _close(self, child: _Child, stdout: IO[bytes]) -> None:
        if child.unfinished:
            self._say(child.process.name, child.unfinished.decode(errors="replace"))
            child.unfinished = b""
        self._selector.unregister(stdout)
        stdout.close()


def _open_log(path: Path) -> IO[bytes]:
    """Open a log at its end. A new one can only be read by us, as a server may quote a statement in it."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def _bound_log(path: Path) -> None:
    # Copied and emptied, not renamed: the process goes on writing to the same file. A line may be lost in between.
    if (size := path.stat().st_size) > LOG_BYTES:
        try:
            with path.open("rb") as log, _open_log(path.with_name(f"{path.name}.1")) as older:
                older.truncate(0)
                log.seek(size - LOG_BYTES)
                shutil.copyfileobj(log, older)
        finally:
            # Emptied also if the disk had no room for the copy: the log would go on growing.
            os.truncate(path, 0)


def _read_available(stdout: IO[bytes]) -> bytes | None:
    """Read as much as there is now; None if there is nothing, b"" at the end."""
    try:
        return os.read(stdout.fileno(), 65536)
    except BlockingIOError:
        return None


def _prepare(process: Process) -> None:
    # A process that reloads something at SIGHUP installs its handler later. Until then the signal would end it.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if _libc:
        _libc.prctl(_PR_SET_PDEATHSIG, int(process.stop_signal))


def _kill_group(popen: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(popen.pid, signal.SIGKILL)


def _how(code: int) -> str:
    if code >= 0:
        return f"with exit code {code}"
    # Real-time signals have no names.
    return f"by {signal.Signals(-code).name}" if -code in set(signal.Signals) else f"by signal {-code}"
