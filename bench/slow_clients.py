"""Slow clients: connections that send a request a byte a second each, in a process of their own; one that is sent
away comes back."""

from __future__ import annotations

import itertools
import socket
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from ingest.web.timed_protocol import allow_many_connections

_TOGETHER = 10
"""So many send after one sleep: what waking up costs is not the receiver's."""


def main() -> None:
    """`python -m bench.slow_clients URL NUMBER FILE`: make FILE when all are connected, and go on until SIGTERM."""
    where, number, connected = urlsplit(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    address = (where.hostname, where.port)
    head = f"POST {where.path} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: 1000\r\n\r\n".encode()
    allow_many_connections()
    clients = [(socket.create_connection(address), iter(head)) for _ in range(number)]
    connected.touch()
    begun = time.perf_counter()
    for turn in itertools.count():
        if turn % _TOGETHER == 0:
            time.sleep(max(0.0, begun + turn / number - time.perf_counter()))
        client, rest = clients[turn % number]
        try:
            client.send(bytes([next(rest)]))
        except (OSError, StopIteration):
            client.close()
            clients[turn % number] = (socket.create_connection(address), iter(head))


if __name__ == "__main__":
    main()
