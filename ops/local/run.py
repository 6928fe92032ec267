"""Everything on one machine, in the foreground: servers, the release step, then the Procfile's processes."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from honcho.printer import Message, Printer

from ingest import logs
from ingest.errors import ReleaseFailedError
from ingest.running import RUNNING_FILE
from ingest.settings import Settings
from ops.local import embedded_postgres, embedded_valkey, procfile
from ops.local.banner import are_shown, banner, readiness
from ops.local.claim import check_ports, claimed
from ops.local.console_login import console_login
from ops.local.server import Server, make_data_dir, wait_until_ready, write_private
from ops.local.signals import Signals
from ops.local.supervisor import Process, Supervisor

READY_SECONDS = 30.0
STOP_ORDER = (("web",), ("worker", "sweeper", "dashboard", "metrics", "release"), ("valkey", "postgres"))
"""Web stops first, so that all it has accepted is in Redis; the servers stop last."""


def run(current: Settings) -> None:
    """Run everything until a signal comes.

    Raises SettingError, AlreadyRunningError, ServerStartError, or ReleaseFailedError.
    """
    current.check_exposure()
    current.check_metrics_exposure()
    make_data_dir(current.data_dir)
    with claimed(current):
        check_ports(current)
        Run(current).run()


class _StoppedError(Exception):
    """A signal came before everything was running."""


class Run:
    """The servers, the release step and the Procfile's processes, from the first start to the last stop."""

    def __init__(self, current: Settings) -> None:
        self._current = current
        self._printer = Printer(time_format="%Y-%m-%d %H:%M:%S%z", width=10)
        self._supervisor = Supervisor(self._say)
        self._signals = Signals()
        self._running_file = current.data_dir / RUNNING_FILE

    def run(self) -> None:
        """Run until a signal comes, or something cannot be started."""
        self._signals.listen()
        try:
            self._start()
            while True:
                self._pump()
        except _StoppedError:
            pass
        finally:
            reason = self._signals.reason
            self._say("up", f"stopping: {reason}" if reason else "stopping")
            for names in STOP_ORDER:
                self._supervisor.stop(names, self._is_hurried)
            self._running_file.unlink(missing_ok=True)
        self._print("stopped")

    def _start(self) -> None:
        urls = {name: self._server_url(name) for name in ("DATABASE_URL", "REDIS_URL")}
        environ = {**procfile.environment(self._current, urls), **console_login(self._current)}
        processes = procfile.processes(environ)
        where = {name: environ[name] for name in ("HOST", "PORT", "DASHBOARD_PORT", "INGEST_METRICS_PORT")}
        write_private(self._running_file, json.dumps({"pid": os.getpid(), **urls, **where}))
        self._release(processes.pop("release"))
        for process in processes.values():
            self._supervisor.start(process)
        ready = self._wait_until_ready()
        self._print(banner(self._current, urls, ready))

    def _server_url(self, variable: str) -> str:
        # From the environment alone: settings may hold the URLs of another `ingest up`, as it ran when they were read.
        if given := os.environ.get(variable):
            return given
        make: Callable[[Path], Server] = (
            embedded_postgres.prepare if variable == "DATABASE_URL" else embedded_valkey.prepare
        )
        server = make(self._current.data_dir)
        self._say(server.process.name, "starting")
        self._supervisor.start(server.process)
        wait_until_ready(server, self._pump)
        return server.url

    def _release(self, process: Process) -> None:
        self._supervisor.start(process)
        while (code := self._supervisor.exit_code("release")) is None:
            self._pump()
        self._supervisor.stop(["release"])
        if code:
            raise ReleaseFailedError(f"the release step of the Procfile ended with exit code {code}: see above")

    def _wait_until_ready(self) -> dict[str, str]:
        """The words that `readiness` gives; none if web has not become ready in time."""
        deadline = time.monotonic() + READY_SECONDS
        while not (words := readiness(self._current)):
            if time.monotonic() > deadline:
                return {}
            self._pump()
        # The banner is read, and the addresses in it are opened, at once.
        while time.monotonic() < deadline and not are_shown(self._current):
            self._pump()
        return words

    def _pump(self) -> None:
        if self._signals.stops:
            raise _StoppedError
        if self._signals.take_reload():
            self._say("up", "SIGHUP: web reads its tokens again")
            self._supervisor.pass_on("web", signal.SIGHUP)
        for name in self._signals.take_meaningless():
            self._say(
                "up", f"{name} means nothing here: SIGHUP has web read its tokens again, SIGTERM stops everything"
            )
        self._supervisor.pump()

    def _is_hurried(self) -> bool:
        """Whether a second Ctrl-C came: what does not stop at once is killed. No acknowledged push is lost by that."""
        return self._signals.stops > 1

    def _say(self, name: str, line: str) -> None:
        # Into a pipe our processes log JSON; here somebody reads it.
        logged = logs.parse(line)
        time, text = (logged.time, logged.words()) if logged else (datetime.now(UTC), line)
        with _heard():
            self._printer.write(Message("line", text, time.astimezone(), name, None))

    def _print(self, text: str) -> None:
        with _heard():
            click.echo(text)


@contextmanager
def _heard() -> Iterator[None]:
    """Print in the block. Where the terminal or the pipe's reader is gone, everything printed later is discarded.

    Pushes go on being received then, and what runs is still stopped in order.
    """
    try:
        yield
    except OSError:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
