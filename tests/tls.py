"""TLS in front of a real server, as the embedded ones are built without it: what is tested is our side of the line."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import trustme

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""What a Postgres client begins with; TLS begins after the answer `S`."""


@dataclass(frozen=True)
class Authority:
    """Who issues certificates, and the file that says so to clients."""

    authority: trustme.CA
    file: Path

    @classmethod
    def make(cls, file: Path) -> Authority:
        """A new one, whose certificate is written to a file."""
        authority = trustme.CA()
        authority.cert_pem.write_to_path(file)
        return cls(authority, file)

    def server_context(self, name: str) -> ssl.SSLContext:
        """What a server of this name shows to its clients."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(name).configure_cert(context)
        return context


class _Front:
    def __init__(self, context: ssl.SSLContext, reach: Callable[[], Awaitable[Streams]], is_postgres: bool) -> None:
        self._context = context
        self._reach = reach
        self._is_postgres = is_postgres
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> asyncio.Server:
        context = None if self._is_postgres else self._context
        return await asyncio.start_server(self._forward, "127.0.0.1", 0, ssl=context)

    async def close(self, server: asyncio.Server) -> None:
        server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self._writers.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):  # a client that does not trust us goes away
            if self._is_postgres:
                assert await reader.readexactly(len(SSL_REQUEST)) == SSL_REQUEST, "a client without TLS"
                writer.write(b"S")
                await writer.start_tls(self._context)
            server_reader, server_writer = await self._reach()
            self._writers.add(server_writer)
            await asyncio.gather(_copy(reader, server_writer), _copy(server_reader, writer))
        writer.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


@contextmanager
def tls_front(
    context: ssl.SSLContext, reach: Callable[[], Awaitable[Streams]], *, is_postgres: bool = False
) -> Iterator[int]:
    """A port of 127.0.0.1 that speaks TLS and forwards to the server that `reach` connects to."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    front = _Front(context, reach, is_postgres)
    try:
        server = asyncio.run_coroutine_threadsafe(front.serve(), loop).result()
        yield server.sockets[0].getsockname()[1]
        asyncio.run_coroutine_threadsafe(front.close(server), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
