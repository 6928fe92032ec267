"""Writing to Redis about once a second what a process has counted, until its end: a write is not cut off then."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from contextlib import suppress
from typing import ClassVar, Generic, TypeVar

from redis.exceptions import RedisError

from ingest.errors import describe

FLUSH_SECONDS = 1.0

_Taken = TypeVar("_Taken")

_log = logging.getLogger("web.writing")


class Writer(ABC, Generic[_Taken]):
    """Counts, and writes the counts to Redis; while that is away they are kept here. `_Taken`: those of one write."""

    what: ClassVar[str]
    """It counts these, in the plural, for the log"""

    async def run(self) -> None:
        """Write the counts out once a second until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await to_its_end(self.flush())
            except Exception as error:
                # Of any kind: pushes must not stop for want of a counter.
                _log.critical("counting %s failed unexpectedly: %s", self.what, describe(error))

    async def flush(self) -> None:
        """Add the counts to Redis; while it is away they are kept here."""
        taken = self._take()
        if taken is None:
            return
        is_written = False
        try:
            await self._write(taken)
            is_written = True
        except (RedisError, OSError) as error:
            self._note_absence(error)
        finally:
            # Also if only the reply was lost: better something is counted twice than forgotten.
            if not is_written:
                self._put_back(taken)

    @abstractmethod
    def _take(self) -> _Taken | None:
        """The counts since they were last taken; None if there is nothing to write."""

    @abstractmethod
    async def _write(self, taken: _Taken) -> None:
        """Write them, in one transaction. Raises what the client raises."""

    @abstractmethod
    def _put_back(self, taken: _Taken) -> None:
        """Take them another time, with what has come meanwhile."""

    def _note_absence(self, error: Exception) -> None:
        """Say that counts wait for Redis, where nobody else says that it is away."""


async def to_its_end(write: Coroutine[None, None, None]) -> None:
    """Await a write, to its end also when cancelled meanwhile: what was cut off may be done, and would be done again.

    It has to have time-outs of its own.
    """
    task = asyncio.ensure_future(write)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        raise
