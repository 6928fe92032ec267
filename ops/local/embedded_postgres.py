"""Embedded Postgres: it listens on a Unix socket only. The first start makes its cluster."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import LiteralString
from urllib.parse import quote

import psycopg
from psycopg.conninfo import make_conninfo

from ingest import session
from ingest.errors import ServerStartError
from ingest.process_ids import is_alive
from ops.local.postgres_programs import programs as wheels_programs
from ops.local.postgres_programs import programs_for
from ops.local.server import STOP_SECONDS, Server, command_line, environ
from ops.local.supervisor import Process
from ops.local.system_user import can_pass, is_ours, is_root, own_by_system_user, run_as

_SOCKET_PATH_LIMIT = 100
"""In bytes. The system allows 107 on Linux and 103 on macOS."""

_PORT = 5432

_UNFIT_FOR_LIST = re.compile(r"[,\"]")
"""Characters that a folder may not have where Postgres and libpq read a list of folders, divided by commas"""

_HERE = Path("/proc/self/cwd")

_CREATE_DATABASE: LiteralString = "CREATE DATABASE airudder"


def prepare(data_dir: Path) -> Server:
    """Prepare Postgres in `data_dir/postgres`; the first time, make its cluster.

    Raises ServerStartError, and SettingError if the wheel is not installed.
    """
    home = data_dir / "postgres"
    home.mkdir(exist_ok=True)
    user = own_by_system_user(home) if is_root() else None
    home.chmod(0o700)
    programs = programs_for(user) if user else wheels_programs()
    cluster = home / "data"
    if not cluster.exists():
        _initialise(programs, home, cluster, user)
    _stop_leftover(cluster)
    sockets = _socket_dir(home, user)
    settings = {
        "listen_addresses": "",
        "port": str(_PORT),  # part of the socket's name; PGPORT would set another
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        "max_wal_size": "2GB",
        "shared_buffers": "512MB",
        "max_locks_per_transaction": "256",  # a day of pushes is nine, and days are kept for ever
        "log_error_verbosity": "terse",  # the detail of an error quotes rows
        "log_min_error_statement": "panic",  # a statement that somebody typed may name a person
        "log_checkpoints": "off",
        "log_timezone": "UTC",
    }
    options = (part for name, value in settings.items() for part in ("-c", f"{name}={value}"))
    process = Process(
        "postgres",
        (str(programs / "postgres"), "-D", _reached(cluster, user), *options),
        environ(),
        stop_signal=signal.SIGINT,  # fast shutdown, which does not wait for sessions to end
        stop_seconds=STOP_SECONDS,
        user=user,
        folder=cluster,
        log=data_dir / "postgres.log",
    )
    url = f"postgresql://airudder@/airudder?host={quote(str(sockets), safe='/')}&port={_PORT}"
    return Server(process, url, lambda: _has_database(sockets))


def _reached(folder: Path, user: str | None) -> str:
    """The path by which a program that runs in a folder can reach it.

    The system user may not pass through the folders above, such as /root, and we do not open them to it. Linux lets a
    process reach the folder it runs in without passing through them. Elsewhere: ServerStartError.
    """
    if user is None or can_pass(user, folder):
        return str(folder)
    if not _HERE.exists():
        closed = next(parent for parent in reversed(folder.parents) if not can_pass(user, parent))
        raise ServerStartError(
            f"Postgres refuses to run as root, and the system user {user} cannot pass through {closed}: "
            "let others pass (chmod o+x), set INGEST_DATA_DIR, or run as a plain user"
        )
    return str(_HERE)


def _initialise(programs: Path, home: Path, cluster: Path, user: str | None) -> None:
    # Made under another name and renamed at the end, so that an interrupted start leaves no half of a cluster.
    unfinished = home / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    if user:
        shutil.chown(unfinished, user, user)
    options = ["-U", "airudder", "--auth=trust", "--encoding=UTF8", "--no-locale"]
    result = run_as(user, [programs / "initdb", "-D", _reached(unfinished, user), *options], unfinished)
    if result.returncode:
        raise ServerStartError(f"initdb failed:\n{result.stdout}")
    unfinished.rename(cluster)


def _stop_leftover(cluster: Path) -> None:
    # Outside of Linux a server outlives an `ingest up` that was killed, and would keep the next one from starting.
    lock = cluster / "postmaster.pid"
    pid = _first_number(lock)
    if pid is None or not (command := command_line(pid)):
        return
    if str(cluster) in command or (str(_HERE) in command and _runs_in(pid, cluster)):
        os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + STOP_SECONDS
        while is_alive(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
    else:
        # The machine was restarted, and another process has the pid. Postgres would not start beside this file.
        lock.unlink()


def _runs_in(pid: int, folder: Path) -> bool:
    with suppress(OSError):
        return folder.samefile(f"/proc/{pid}/cwd")
    return False


def _first_number(path: Path) -> int | None:
    try:
        return int(path.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None


def short_socket_dir(home: Path) -> Path:
    """The folder for Postgres's socket where its own cannot have it: in the system's folder for temporary files."""
    return Path(tempfile.gettempdir()) / f"ingest-{sha256(os.fsencode(home)).hexdigest()[:16]}"


def _socket_dir(home: Path, user: str | None) -> Path:
    socket = os.fsencode(home / f".s.PGSQL.{_PORT}")
    is_fit = len(socket) <= _SOCKET_PATH_LIMIT and not _UNFIT_FOR_LIST.search(str(home))
    if is_fit and (user is None or can_pass(user, home)):
        return home
    # The path is too long for a socket, or holds a comma. A short one takes its place, which only we can open.
    short = short_socket_dir(home)
    with suppress(FileExistsError):
        short.mkdir(mode=0o700)
    # Anybody can make folders there. The owner of this one could put another server in the place of ours.
    if not is_ours(short):
        raise ServerStartError(f"{short} belongs to somebody else: remove it, or set another INGEST_DATA_DIR")
    short.chmod(0o700)
    if user:
        shutil.chown(short, user, user)
    return short


def _has_database(sockets: Path) -> bool:
    """Whether Postgres answers. Makes our database if it is missing."""
    where = make_conninfo(user="airudder", dbname="postgres", host=str(sockets), port=_PORT)
    with suppress(psycopg.OperationalError), psycopg.connect(where, **session.CONNECTION) as connection:
        connection.execute(session.set_up(session.COMMANDS, connection.info.server_version))
        if connection.execute("SELECT FROM pg_database WHERE datname = 'airudder'").fetchone() is None:
            connection.execute(_CREATE_DATABASE)
        return True
    return False
