"""The supervisor, with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ops.local import supervisor as supervisor_module
from ops.local.supervisor import Process, Supervisor
from tests.processes import wait_pumping, wait_until


class Lines:
    """What the supervisor says, kept."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def __call__(self, name: str, line: str) -> None:
        """Keep one line."""
        self.said.append((name, line))

    def of(self, name: str) -> list[str]:
        """The lines of one process."""
        return [line for said_by, line in self.said if said_by == name]


@pytest.fixture
def lines() -> Lines:
    """Everything said so far."""
    return Lines()


@pytest.fixture
def supervisor(lines: Lines) -> Iterator[Supervisor]:
    """A supervisor whose processes a, b and c end with the test."""
    supervisor = Supervisor(lines)
    yield supervisor
    supervisor.stop(["a", "b", "c"])


def python(name: str, code: str, stop_seconds: float = 10.0, is_kept: bool = True) -> Process:
    """A process that runs some Python."""
    command = (sys.executable, "-u", "-c", textwrap.dedent(code))
    return Process(name, command, os.environ, stop_seconds=stop_seconds, is_kept=is_kept)


SLEEPER = "import signal; print('up'); signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up')\nwhile True: signal.pause()"


def pumped_until(supervisor: Supervisor, lines: Lines, name: str, line: str) -> None:
    """Pump until a process has said a line."""

    wait_pumping(supervisor, lambda: line in lines.of(name), f"{name} says {line}")


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    result = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], check=False, capture_output=True, text=True)
    return result.stdout.strip()[:1] not in ("", "Z")


def test_lines_are_whole(supervisor: Supervisor, lines: Lines) -> None:
    """Output comes line by line, both streams, the last one without its newline too."""
    code = "import sys; print('one', flush=True); print('two', file=sys.stderr); sys.stdout.write('three')"
    supervisor.start(python("a", code, is_kept=False))
    wait_until(lambda: supervisor.exit_code("a") is not None, "it ends")
    supervisor.stop(["a"])

    assert lines.of("a") == ["one", "two", "three"]


def test_dead_process_is_restarted(supervisor: Supervisor, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ends is started again, each time after a longer wait, with a line that says so."""
    monkeypatch.setattr(supervisor_module, "FIRST_BACKOFF_SECONDS", 0.02)
    supervisor.start(python("a", "raise SystemExit(3)"), backoff=0.02)

    def ends() -> int:
        return len([line for line in lines.of("a") if line.startswith("ended with exit code 3; starting it again")])

    wait_pumping(supervisor, lambda: ends() == 4, "it has been started four times")


def test_backoff_grows_to_its_bound(supervisor: Supervisor, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait doubles with each failure, and no further than its bound."""
    monkeypatch.setattr(supervisor_module, "FIRST_BACKOFF_SECONDS", 1.0)
    supervisor.start(python("a", "raise SystemExit(1)"), backoff=20.0)

    pumped_until(supervisor, lines, "a", "ended with exit code 1; starting it again in 20 s")
    assert supervisor._children["a"].backoff == supervisor_module.LONGEST_BACKOFF_SECONDS


@pytest.mark.parametrize(("number", "words"), [(signal.SIGKILL, "SIGKILL"), (signal.SIGRTMIN + 1, "signal 35")])
def test_restart_names_the_signal(supervisor: Supervisor, lines: Lines, number: int, words: str) -> None:
    """A process that was killed is said to have been, also by a signal that has no name."""
    supervisor.start(python("a", SLEEPER))
    pumped_until(supervisor, lines, "a", "up")

    os.kill(supervisor._children["a"].popen.pid, number)

    pumped_until(supervisor, lines, "a", f"ended by {words}; starting it again in 1 s")


def test_restart_that_fails_is_tried_again(supervisor: Supervisor, lines: Lines, tmp_path: Path) -> None:
    """A process that cannot be started again now is said and tried later; nothing else ends."""
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho up\n")
    program.chmod(0o755)
    supervisor.start(replace(python("a", ""), command=(str(program),)), backoff=0.05)
    pumped_until(supervisor, lines, "a", "up")

    program.rename(tmp_path / "away")
    pumped_until(supervisor, lines, "a", "cannot be started (No such file or directory); trying again in 0 s")
    begun = len(lines.of("a"))
    (tmp_path / "away").rename(program)

    wait_pumping(supervisor, lambda: "up" in lines.of("a")[begun:], "it runs again")


def test_log_is_bounded(supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that has grown too far becomes the older one, which only we can read too; the process goes on writing."""
    monkeypatch.setattr(supervisor_module, "LOG_BYTES", 1000)
    log, older = tmp_path / "a.log", tmp_path / "a.log.1"
    code = """
        import sys, time
        for number in range(100000):
            sys.stdout.write(f"line {number}" + 50 * "x" + "\\n")  # at once, where print writes the line's end later
            time.sleep(0.002)
    """
    supervisor.start(replace(python("a", code), log=log))

    wait_pumping(supervisor, lambda: older.exists() and older.stat().st_size > 1000, "it is the older one")
    first = older.read_bytes()
    wait_pumping(supervisor, lambda: older.read_bytes() != first, "another takes its place")
    wait_until(lambda: log.stat().st_size, "it goes on")

    assert log.read_bytes().startswith(b"line ")
    assert older.stat().st_size < 100_000
    assert older.stat().st_mode & 0o077 == 0


def test_log_that_was_removed_is_let_go(supervisor: Supervisor, lines: Lines, tmp_path: Path) -> None:
    """Whoever removes a process's log stops nothing: it goes on writing into what has no name any more."""
    log = tmp_path / "a.log"
    supervisor.start(replace(python("a", SLEEPER), log=log))
    wait_pumping(supervisor, lambda: log.stat().st_size, "it has written")

    log.unlink()
    supervisor.pump()

    assert supervisor.exit_code("a") is None
    assert lines.of("a") == []


def test_log_that_cannot_be_kept_is_cut(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the older log cannot be written the log is cut all the same, or it would fill the disk."""
    monkeypatch.setattr(supervisor_module, "LOG_BYTES", 1000)
    log = tmp_path / "a.log"
    log.with_name("a.log.1").mkdir()
    log.write_bytes(b"x" * 1001)
    supervisor.start(replace(python("a", SLEEPER), log=log))

    supervisor.pump()

    assert log.stat().st_size < 1000
    assert supervisor.exit_code("a") is None


def test_end_of_a_large_log_is_kept(supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a log that an older version let grow to gigabytes no more is copied than a log may have."""
    monkeypatch.setattr(supervisor_module, "LOG_BYTES", 1000)
    log = tmp_path / "a.log"
    log.write_bytes(b"x" * 5000 + b"y" * 1000)
    supervisor.start(replace(python("a", "import signal; signal.pause()"), log=log))

    supervisor.pump()

    assert log.with_name("a.log.1").read_bytes() == b"y" * 1000
    assert log.stat().st_size == 0


def test_stubborn_process_is_killed(supervisor: Supervisor, lines: Lines) -> None:
    """A process that does not heed its signal is killed when its time is over."""
    supervisor.start(python("a", STUBBORN, stop_seconds=0.3))
    pumped_until(supervisor, lines, "a", "up")

    supervisor.stop(["a"])

    assert "did not stop in time: killed" in lines.of("a")


def test_hurry_kills_at_once(supervisor: Supervisor, lines: Lines) -> None:
    """A second Ctrl-C does not wait for what does not stop."""
    supervisor.start(python("a", STUBBORN, stop_seconds=3600))
    pumped_until(supervisor, lines, "a", "up")

    supervisor.stop(["a"], is_hurried=lambda: True)

    assert "did not stop in time: killed" in lines.of("a")


def test_grandchildren_end_too(supervisor: Supervisor, lines: Lines) -> None:
    """What a process has started in its group does not outlive it."""
    code = """
        import subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
        print(child.pid)
        raise SystemExit(0)
    """
    supervisor.start(python("a", code))
    wait_pumping(supervisor, lambda: lines.of("a"), "it says its child's pid")
    pid = int(lines.of("a")[0])

    wait_pumping(supervisor, lambda: not is_alive(pid), "the child ends")


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels do not tell a child that its parent died")
def test_nothing_outlives_killed_supervisor(tmp_path: Path) -> None:
    """A supervisor that is killed takes its processes with it."""
    code = f"""
        import os, sys
        from ops.local.supervisor import Process, Supervisor
        supervisor = Supervisor(lambda name, line: print(line, flush=True))
        code = "import os, signal; print(os.getpid(), flush=True); signal.pause()"
        supervisor.start(Process("a", ({sys.executable!r}, "-c", code), os.environ))
        while True:
            supervisor.pump()
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    with parent.stdout:
        pid = int(parent.stdout.readline())
        parent.kill()
        parent.wait()

    wait_until(lambda: not is_alive(pid), "its child ends")
