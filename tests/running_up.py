"""`ingest up` for tests: a running one, and a data folder as one holds it."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg

from ingest.running import LOCK_FILE, RUNNING_FILE
from ingest.web.readiness import CAN_STORE
from tests.ports import free_port
from tests.processes import INGEST, wait_until

PORTS = ("PORT", "DASHBOARD_PORT", "INGEST_METRICS_PORT")
"""Where web, the console and the metrics are"""


@contextmanager
def locked_by(pid: int, data_dir: Path) -> Iterator[None]:
    """A data folder as an `ingest up` of this pid holds it."""
    running = {"pid": pid, "DATABASE_URL": "postgresql:///up", "REDIS_URL": "redis://up", "PORT": "8123"}
    (data_dir / RUNNING_FILE).write_text(json.dumps(running))
    with (data_dir / LOCK_FILE).open("w") as lock:
        lock.write(str(pid))
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Up:
    """A running `ingest up`: what it has printed, and how to reach it."""

    def __init__(self, process: subprocess.Popen[str], output: Path, environ: dict[str, str]) -> None:
        self.process = process
        self.environ = environ
        self._output = output

    @property
    def printed(self) -> str:
        """Everything it has printed so far."""
        return self._output.read_text()

    def ingest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command beside it."""
        return subprocess.run([INGEST, *arguments], env=self.environ, check=False, capture_output=True, text=True)

    def urls(self) -> dict[str, str]:
        """What `ingest env` prints."""
        lines = self.ingest("env").stdout.splitlines()
        return {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Ask Postgres."""
        with psycopg.connect(self.urls()["DATABASE_URL"]) as connection:
            return connection.execute(statement).fetchall()

    def answers(self) -> bool:
        """Whether web can store a push in Redis, and the console and the metrics are there."""
        web, *pages = (f"http://127.0.0.1:{self.environ[name]}" for name in PORTS)
        try:
            is_ready: bool = httpx.get(f"{web}/readyz").json()["redis"] == CAN_STORE
            return is_ready and all(httpx.get(page).status_code < 500 for page in pages)
        except httpx.TransportError:
            return False

    def stop(self, number: signal.Signals) -> int:
        """Stop it by a signal; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)


@contextmanager
def running_up(folder: Path, **settings: str) -> Iterator[Up]:
    """`ingest up` with its data in a folder and ports of its own, from its banner on."""
    environ = {
        **os.environ,
        "INGEST_DATA_DIR": str(folder / "data"),
        **{name: str(free_port()) for name in PORTS},
        **settings,
    }
    output = folder / f"up-{time.monotonic_ns()}.log"
    with output.open("w") as log:
        process = subprocess.Popen([INGEST, "up"], env=environ, stdout=log, stderr=log, text=True)
    up = Up(process, output, environ)
    try:
        wait_until(lambda: "\nairudder-ingest " in up.printed or process.poll() is not None, "its banner is there", 120)
        # It is there after half a minute in any case.
        wait_until(lambda: process.poll() is not None or up.answers(), "everything answers", 120)
        assert process.poll() is None, up.printed
        yield up
        if process.poll() is None:
            up.stop(signal.SIGTERM)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()


def are_gone(pids: list[int]) -> bool:
    """Whether none of the processes runs."""
    listed = subprocess.run(["ps", "-eo", "pid=,stat="], check=True, capture_output=True, text=True).stdout
    running = {int(line.split()[0]) for line in listed.splitlines() if not line.split()[1].startswith("Z")}
    return not running & set(pids)
