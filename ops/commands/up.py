"""`ingest up`: the whole of it on one machine, in the foreground: servers, release, then the Procfile's processes."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shlex
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

import click
from honcho.environ import parse_procfile
from honcho.printer import Message, Printer

from ingest import settings
from ingest.batch.queue import JOB_TIMEOUT_SECONDS
from ingest.errors import AlreadyRunningError, ReleaseFailedError, SettingError
from ingest.resources import locate
from ingest.settings import LOCK_FILE, RUNNING_FILE, Settings
from ingest.web.readiness import CAN_STORE
from ops.local import embedded_postgres, embedded_valkey
from ops.local.server import Server, make_data_dir, wait_until_ready, write_private
from ops.local.signals import Signals
from ops.local.supervisor import Process, Supervisor

READY_SECONDS = 30.0
STOP_ORDER = (("web",), ("worker", "sweeper", "dashboard", "release"), ("valkey", "postgres"))
"""Web first, so that what it accepted is in Redis; the servers last."""
STOP_SECONDS = dict.fromkeys(("worker", "sweeper"), JOB_TIMEOUT_SECONDS + 5.0)
"""Both finish what they have in hand; web needs ten seconds at most."""

_HIDDEN = "(?:password|secret|scram_client_key|scram_server_key)"
"""How names of secret parameters end, of libpq's and redis-py's"""

_SAMPLE = (
    '{"workflow_id": "w1", "callee": {"callee_number": "+6281234567890"}, '
    '"call": {"call_id": "c1", "ring_type": "normal"}}'
)


@click.command()
def command() -> None:
    """Run everything on this machine in the foreground; Ctrl-C stops it.

    Starts an embedded Postgres and Valkey under .data/ unless DATABASE_URL and REDIS_URL are set.
    """
    current = settings.load()
    current.check_exposure()
    make_data_dir(current.data_dir)
    with _only_one(current):
        _check_ports(current)
        _Up(current).run()


class _Up:
    def __init__(self, current: Settings) -> None:
        self._current = current
        self._printer = Printer(width=10)
        self._supervisor = Supervisor(self._say)
        self._signals = Signals()
        self._running_file = current.data_dir / RUNNING_FILE

    def run(self) -> None:
        """Until a signal, or until something cannot be started."""
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
        environ = _environ(self._current, urls)
        processes = {name: _process(name, line, environ) for name, line in _procfile().items()}
        where = {name: environ[name] for name in ("HOST", "PORT", "DASHBOARD_PORT")}
        write_private(self._running_file, json.dumps({"pid": os.getpid(), **urls, **where}))
        self._release(processes.pop("release"))
        for process in processes.values():
            self._supervisor.start(process)
        ready = self._wait(lambda: _readiness(self._current))
        self._print(_banner(self._current, urls, ready))

    def _server_url(self, variable: str) -> str:
        # Not what settings say: they also know the URLs that a killed `ingest up` left behind.
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

    def _wait(self, readiness: Callable[[], dict[str, str]]) -> dict[str, str]:
        deadline = time.monotonic() + READY_SECONDS
        while not (words := readiness()):
            if time.monotonic() > deadline:
                return {
                    "redis": "may be away",
                    "pushes": f"cannot be stored after {READY_SECONDS:.0f} s: web's own lines say why",
                }
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
        """A second Ctrl-C: what does not stop at once is killed, and loses nothing that was acknowledged."""
        return self._signals.stops > 1

    def _say(self, name: str, line: str) -> None:
        with _heard():
            self._printer.write(Message("line", line, datetime.now(), name, None))  # noqa: DTZ005 - the reader's clock

    def _print(self, text: str) -> None:
        with _heard():
            click.echo(text)


@contextmanager
def _heard() -> Iterator[None]:
    """Print something, or, where the terminal or the pipe's reader is gone, be silent from now on: pushes still come,
    and what runs is still stopped in order."""
    try:
        yield
    except OSError:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


class _StoppedError(Exception):
    """A signal came before everything was running."""


@contextmanager
def _only_one(current: Settings) -> Iterator[None]:
    """Hold the data folder's lock; AlreadyRunningError names who does."""
    with (current.data_dir / LOCK_FILE).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(
                f"already running with data in {current.data_dir} (process {_owner(lock)}): "
                "stop it with Ctrl-C in its terminal, or set INGEST_DATA_DIR, PORT and DASHBOARD_PORT for a second one"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _owner(lock: IO[str]) -> str:
    lock.seek(0)
    return lock.read() or "unknown"


def _check_ports(current: Settings) -> None:
    if current.port == current.dashboard_port:
        raise SettingError(f"PORT and DASHBOARD_PORT are both {current.port}: set another DASHBOARD_PORT")
    for variable, host, port in (
        ("PORT", current.host, current.port),
        ("DASHBOARD_PORT", "127.0.0.1", current.dashboard_port),
    ):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise SettingError(f"cannot listen on {host}:{port} ({error.strerror}): set {variable}") from None


def _procfile() -> dict[str, str]:
    processes: dict[str, str] = parse_procfile(locate("Procfile").read_text()).processes
    return processes


def _process(name: str, line: str, environ: dict[str, str]) -> Process:
    # A shell, as under any other runner of Procfiles, that makes way for the program.
    seconds = STOP_SECONDS.get(name, Process.stop_seconds)
    return Process(name, ("sh", "-c", f"exec {line}"), environ, stop_seconds=seconds, is_kept=name != "release")


def _environ(current: Settings, urls: dict[str, str]) -> dict[str, str]:
    programs = str(Path(sys.executable).parent)
    return {
        **os.environ,
        **urls,
        "HOST": current.host,
        "PORT": str(current.port),
        "DASHBOARD_PORT": str(current.dashboard_port),
        "PATH": os.pathsep.join([programs, os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
    }


def _readiness(current: Settings) -> dict[str, str]:
    """What `/readyz` says once a push can be stored; empty until then."""
    try:
        with urllib.request.urlopen(f"{_web_url(current)}/readyz", timeout=2) as answer:  # noqa: S310 - our own URL
            words: dict[str, str] = json.load(answer)
            return words
    except (urllib.error.URLError, OSError):
        return {}


def _web_url(current: Settings) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(current.host, current.host)  # noqa: S104 - how to reach it
    return f"http://{host}:{current.port}"


def _banner(current: Settings, urls: dict[str, str], ready: dict[str, str]) -> str:
    push_url = f"{_web_url(current)}/airudder/custom-api"
    credential = "" if current.is_open else '-H "Authorization: Bearer $INGEST_TOKEN" '
    curl = f"curl -sS -w '\\n' {push_url} {credential}-d {shlex.quote(_SAMPLE)}"
    is_well = ready.get("redis") == CAN_STORE
    return f"""
airudder-ingest is ready{"" if is_well else f", but Redis {ready['redis']}; pushes {ready['pushes']}"}

  Push URL    {push_url}{"" if current.is_open else "/<token>"}
  Dashboard   http://127.0.0.1:{current.dashboard_port}
  Postgres    {masked(urls["DATABASE_URL"])}
  Redis       {masked(urls["REDIS_URL"])}
  Try it      {curl}
  Stop        Ctrl-C
"""


def masked(url: str) -> str:
    """A URL without its password: whoever runs us keeps what we print, and `ingest env` prints it whole."""
    if not re.match(r"\w+://", url):
        return re.sub(rf"({_HIDDEN}\s*=\s*)('(?:[^'\\]|\\.)*'|(?:[^\s\\]|\\.)*)", r"\1***", url, flags=re.DOTALL)
    without_credentials = re.sub(r"(://[^:/@]*):.*@", r"\1:***@", url)  # up to the last @: a password may have one
    return re.sub(rf"({_HIDDEN}=)[^&]*", r"\1***", without_credentials)
