"""Real processes for tests: start one, wait on a condition, stop it by a signal."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TypeVar

import httpx

from ops.local.supervisor import Supervisor
from tests.patience import PATIENT_WEB
from tests.ports import free_port

_Value = TypeVar("_Value")

DEADLINE_SECONDS = 60.0
"""For what takes a second: other suites may run on the same cores."""

_TELLING = ("State", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt")
"""Of /proc/PID/status: what a process that got a signal has made of it"""

INGEST = str(Path(sys.executable).with_name("ingest"))
"""The console script"""


def wait_until(condition: Callable[[], _Value], what: str, seconds: float = DEADLINE_SECONDS) -> _Value:
    """Give the condition's first true value; fail with `what` when it does not come in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        time.sleep(0.02)


def wait_pumping(supervisor: Supervisor, condition: Callable[[], _Value], what: str) -> _Value:
    """`wait_until`, while the supervisor does its work."""

    def pumped() -> _Value:
        supervisor.pump()
        return condition()

    return wait_until(pumped, what)


def ingest(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the console script to its end."""
    return subprocess.run(
        [INGEST, *arguments], env={**os.environ, **environ}, check=False, capture_output=True, text=True
    )


@contextmanager
def running(*arguments: str, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `ingest …` as `running_command` does."""
    with running_command(INGEST, *arguments, **environ) as process:
        yield process


@contextmanager
def running_into(printed: Path, *command: str, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command as `running_command` does, with its output in a file."""
    with printed.open("wb") as output, _running(output, command, environ) as process:
        yield process


@contextmanager
def running_command(*command: str, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in a group of its own; SIGTERM at the end, SIGKILL for what is left of the group."""
    with _running(None, command, environ) as process:
        yield process


@contextmanager
def _running(
    output: IO[bytes] | None, command: tuple[str, ...], environ: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONFAULTHANDLER": "1", **environ},
        stdout=output,
        stderr=output,
        start_new_session=True,
    )
    try:
        yield process
        process.terminate()
        try:
            process.wait(DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            _tell_where(process.pid)
            raise
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _tell_where(pid: int) -> None:
    """Print how a process and those below it are, and have each print its tracebacks: one hangs that should end."""
    for one in (pid, *descendants(pid)):
        with suppress(OSError):
            about = Path("/proc", str(one))
            told = [line for line in (about / "status").read_text().splitlines() if line.startswith(_TELLING)]
            sys.stderr.write(f"{one}: {(about / 'wchan').read_text()} {told}\n")
            os.kill(one, signal.SIGABRT)
            time.sleep(1)  # each to its end, before the next one writes


@contextmanager
def running_web(**environ: str) -> Iterator[str]:
    """Run the web process, patient, on a free port until the block ends; gives its base URL."""
    with running_server(PATIENT_WEB, "PORT", answers, **environ) as url:
        yield url


@contextmanager
def running_server(
    command: Sequence[str], variable: str, is_there: Callable[[str], bool], **environ: str
) -> Iterator[str]:
    """Run a command that serves on the port that a variable names, a free one, until the block ends; gives its base
    URL once it is there."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running_command(*command, **{variable: str(port)}, **environ):
        wait_until(lambda: is_there(url), f"it answers at {variable}")
        yield url


def answers(url: str) -> bool:
    """Whether a web process is alive there."""
    try:
        return httpx.get(f"{url}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def descendants(pid: int, command: str = "") -> list[int]:
    """The processes below a process whose command line holds the pattern `command`, parents before their children."""
    listed = subprocess.run(["ps", "-wweo", "pid=,ppid=,args="], check=True, capture_output=True, text=True).stdout
    return below(pid, [line.split(maxsplit=2) for line in listed.splitlines()], command)


def below(pid: int, rows: Iterable[Sequence[str]], command: str = "") -> list[int]:
    """The same of a list of processes: a row is pid, parent's pid and, where that is known, the command line.

    By generation, as pids do not tell who was first: they begin anew at the kernel's `pid_max`.
    """
    children = defaultdict(list)
    for child, parent, *args in rows:
        children[int(parent)].append((int(child), "".join(args)))
    found = []
    generation = children[pid]
    while generation:
        found += [child for child, args in generation if re.search(command, args)]
        generation = [grandchild for child, _ in generation for grandchild in children[child]]
    return found
