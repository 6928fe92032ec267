"""What `ingest up` does when it is sent a signal, or when its terminal is closed."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from ingest.batch.queue import JOB_TIMEOUT_SECONDS
from ops.local.procfile import processes
from tests.ports import free_port
from tests.processes import INGEST, descendants, wait_until
from tests.running_up import Up, are_gone, running_up

pytestmark = [pytest.mark.acceptance, pytest.mark.usefixtures("environment")]

STOPS_WHAT_HAS_NO_HANDLER = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def status(up: Up, secret: str) -> int:
    """What a push with a secret hears."""
    url = f"http://127.0.0.1:{up.environ['PORT']}/airudder/custom-api/{secret}"
    return httpx.post(url, json={"call": {"call_id": "c1"}}).status_code


def test_tokens_are_reloaded(tmp_path: Path) -> None:
    """`ingest token reload` and SIGHUP to `ingest up` make web read the file again, and end nothing; a file that is
    broken is said before anybody is told."""
    file = tmp_path / "tokens"
    file.write_text("shop=old\n")
    with running_up(tmp_path, INGEST_TOKENS_FILE=str(file)) as up:
        wait_until(lambda: up.ingest("status").returncode == 0, "workers work")
        pids = descendants(up.process.pid)
        made = up.ingest("token", "new", "shop").stdout.split()[1]
        assert (status(up, "old"), status(up, made)) == (200, 401)

        reloaded = up.ingest("token", "reload")

        assert (reloaded.returncode, reloaded.stderr) == (0, "")
        assert f"`ingest up` (process {up.process.pid}) passes it on" in reloaded.stdout
        wait_until(lambda: status(up, made) == 200, "the new token is admitted")
        for number in STOPS_WHAT_HAS_NO_HANDLER:
            up.process.send_signal(number)
        wait_until(lambda: "SIGUSR2 means nothing here" in up.printed, "it is said")
        file.write_text("broken\n")
        broken = up.ingest("token", "reload")
        assert (broken.returncode, "item 1 is not of the form" in broken.stderr) == (1, True)
        assert up.printed.count("SIGHUP: web reads its tokens again") == 2
        assert status(up, made) == 200
        assert set(pids) <= set(descendants(up.process.pid))


def test_processes_are_not_ended_by_a_hangup(tmp_path: Path) -> None:
    """SIGHUP to any process below `ingest up` ends none of them."""
    with running_up(tmp_path) as up:
        wait_until(lambda: up.ingest("status").returncode == 0, "workers work")
        pids = descendants(up.process.pid)
        for pid in pids:
            os.kill(pid, signal.SIGHUP)
        assert up.ingest("send", "--count", "5", "--rate", "0").returncode == 0
        assert set(pids) <= set(descendants(up.process.pid))


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGTERM])
def test_stopping_is_in_order(tmp_path: Path, number: signal.Signals) -> None:
    """Whatever is meant as a stop ends everything in order, with a word and exit code 0."""
    with running_up(tmp_path) as up:
        pids = descendants(up.process.pid)

        assert up.stop(number) == 0

        assert up.printed.endswith("stopped\n")
        assert are_gone(pids)


@contextmanager
def up_on_terminal(folder: Path, *prefix: str, is_output_there: bool) -> Iterator[tuple[Up, int]]:
    """`ingest up` at a terminal of its own, whose other end is given; what it prints goes there or to a file."""
    environ = os.environ | {name: str(free_port()) for name in ("PORT", "DASHBOARD_PORT", "INGEST_METRICS_PORT")}
    master, terminal = os.openpty()
    output = folder / "up.log"
    with output.open("wb") as log:
        printed = terminal if is_output_there else log
        process = subprocess.Popen(
            [*prefix, INGEST, "up"],
            env=environ,
            stdin=terminal,
            stdout=printed,
            stderr=printed,
            text=True,
            start_new_session=True,
            preexec_fn=_as_at_a_terminal,  # noqa: PLW1509 - one thread
        )
    os.close(terminal)
    up = Up(process, output, environ)
    try:
        wait_until(lambda: process.poll() is not None or up.ingest("status").returncode == 0, "all is well", 60)
        yield up, master
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        process.wait(60)


def _as_at_a_terminal() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # where the suite runs under nohup
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.mark.parametrize("is_output_there", [True, False])
def test_closed_terminal_stops(tmp_path: Path, is_output_there: bool) -> None:
    """Nobody is there any more to stop it: it ends in order, with a word where that can be read."""
    with up_on_terminal(tmp_path, is_output_there=is_output_there) as (up, master):
        pids = descendants(up.process.pid)

        os.close(master)

        assert up.process.wait(60) == 0
        assert are_gone(pids)
        assert is_output_there or "stopping: the terminal is closed" in up.printed


def test_nohup_outlives_its_terminal(tmp_path: Path) -> None:
    """Under nohup it was meant to stay."""
    with up_on_terminal(tmp_path, "nohup", is_output_there=False) as (up, master):
        pids = descendants(up.process.pid)

        os.close(master)
        up.process.send_signal(signal.SIGHUP)

        wait_until(lambda: "SIGHUP: web reads its tokens again" in up.printed, "it goes on")
        assert up.ingest("send", "--count", "5", "--rate", "0").returncode == 0
        assert set(pids) <= set(descendants(up.process.pid))


def test_workers_may_finish_their_batch() -> None:
    """As docs/production.md says: a job may take its whole time after a stop was asked for."""
    for name, process in processes({}).items():
        assert process.stop_seconds > (JOB_TIMEOUT_SECONDS if name in ("worker", "sweeper") else 10)
