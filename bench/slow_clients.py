"""Slow clients: connections that send a request byte by byte, for as long as they are let."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from ingest.connection import allow_many_connections

_PAUSE_SECONDS = 1.0


@contextmanager
def slow_clients(url: str, number: int) -> Iterator[None]:
    """So many of them, all connected, until the block ends; one that is sent away comes back."""
    allow_many_connections()
    connected, stop = threading.Semaphore(0), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_run(url, number, connected, stop)))
    thread.start()
    try:
        for _ in range(number):
            connected.acquire()
        yield
    finally:
        stop.set()
        thread.join()


async def _run(url: str, number: int, connected: threading.Semaphore, stop: threading.Event) -> None:
    tasks = [asyncio.create_task(_trickle(url, connected)) for _ in range(number)]
    while not stop.is_set():
        await asyncio.sleep(0.1)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def _trickle(url: str, connected: threading.Semaphore) -> None:
    where = urlsplit(url)
    head = f"POST {where.path} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: 1000\r\n\r\n".encode()
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection(where.hostname, where.port)
            connected.release()
            try:
                for byte in head:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(_PAUSE_SECONDS)
            finally:
                writer.close()
