"""Writing in a loop that is cancelled at the end: a write that has begun is not cut off."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress


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
