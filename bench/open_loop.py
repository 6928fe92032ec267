"""Open loop: pushes sent when they are due, whether or not earlier ones are answered, fast enough for a burst."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import cast
from urllib.parse import urlsplit

import uvloop

_ANSWER_SECONDS = 30.0


class _Connection(asyncio.Protocol):
    """One kept-alive connection with one request at a time."""

    def __init__(self, free: asyncio.Queue[_Connection], latencies: list[float]) -> None:
        self._free = free
        self._latencies = latencies
        self._due = 0.0
        self._received = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own is one by its methods alone
        self._free.put_nowait(self)

    def post(self, request: bytes, due: float) -> None:
        self._due, self._received = due, b""
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._received.endswith(b"{}"):
            if self._received.startswith(b"HTTP/1.1 200 "):
                self._latencies.append(time.perf_counter() - self._due)
            self._free.put_nowait(self)


def send(url: str, pushes: Sequence[tuple[float, bytes]], connections: int = 256) -> list[float]:
    """Send each body when it is due (seconds from now); the seconds from when it was due to its 200, one for each push
    that was acknowledged."""
    return uvloop.run(_send(url, pushes, connections))


async def _send(url: str, pushes: Sequence[tuple[float, bytes]], connections: int) -> list[float]:
    free: asyncio.Queue[_Connection] = asyncio.Queue()
    latencies: list[float] = []
    where = urlsplit(url)
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: _Connection(free, latencies), str(where.hostname), where.port or 80)
    head = f"POST {where.path} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: application/json\r\nContent-Length: "
    requests = [(due, b"%s%d\r\n\r\n%s" % (head.encode(), len(body), body)) for due, body in pushes]
    begun = time.perf_counter()
    for due, request in requests:
        if (wait := begun + due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        connection = await asyncio.wait_for(free.get(), _ANSWER_SECONDS)
        connection.post(request, begun + due)
    for _ in range(connections):
        connection = await asyncio.wait_for(free.get(), _ANSWER_SECONDS)
        connection.transport.close()
    return latencies
