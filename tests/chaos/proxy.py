"""A TCP proxy between web and Redis that delays what Redis answers, or cuts the line before the answer."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from types import TracebackType
from urllib.parse import urlsplit

_WRITE = re.compile(rb"EXEC\r\n|EVALSHA\r\n")
"""In a request that stores pushes: a transaction opens a batch, a script appends to one."""
_CONFIRMATION = re.compile(rb"^(\*|:1\r)", re.MULTILINE)
"""In Redis's answer when it has done so: an array, or 1; not `QUEUED`, nor 0 when the batch was taken meanwhile."""


class Proxy:
    """`url` leads through it. `delay_seconds` holds up each answer that confirms a write, and `is_cutting` drops it and
    its connection; `delays` and `cuts` say how many."""

    def __init__(self, redis_url: str) -> None:
        self.url = ""
        self.delay_seconds = 0.0
        self.is_cutting = False
        self.delays = self.cuts = 0
        self._target = urlsplit(redis_url)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        credentials, at, _ = self._target.netloc.rpartition("@")
        self.url = self._target._replace(netloc=f"{credentials}{at}127.0.0.1:{port}").geturl()
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        assert self._server
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection(
                self._target.hostname, self._target.port or 6379
            )
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, server_writer}
        line = _Line(self, reader, writer, server_reader, server_writer)
        # Cancelled at the scenario's end, of which asyncio's streams would complain.
        with suppress(asyncio.CancelledError):
            try:
                await asyncio.gather(line.forward_requests(), line.forward_answers())
            finally:
                self._writers -= {writer, server_writer}


class _Line:
    """One connection, both ways; it ends as a whole."""

    def __init__(
        self,
        proxy: Proxy,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        server_reader: asyncio.StreamReader,
        server_writer: asyncio.StreamWriter,
    ) -> None:
        self._proxy = proxy
        self._reader, self._writer = reader, writer
        self._server_reader, self._server_writer = server_reader, server_writer
        self._is_writing = False

    async def forward_requests(self) -> None:
        """From web to Redis."""
        with suppress(OSError):
            while data := await self._reader.read(65536):
                self._is_writing = self._is_writing or bool(_WRITE.search(data))
                self._server_writer.write(data)
                await self._server_writer.drain()
        self._server_writer.transport.abort()

    async def forward_answers(self) -> None:
        """From Redis to web."""
        with suppress(OSError):
            while data := await self._server_reader.read(65536):
                if self._is_writing and _CONFIRMATION.search(data):
                    self._is_writing = False
                    if self._proxy.delay_seconds:
                        self._proxy.delays += 1
                        await asyncio.sleep(self._proxy.delay_seconds)
                    if self._proxy.is_cutting:
                        self._proxy.cuts += 1
                        break
                self._writer.write(data)
                await self._writer.drain()
        self._writer.transport.abort()
