"""What scenarios have in common: pushes that are sent while something is broken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tests.chaos.conftest import FULL
from tests.chaos.stand import Stand
from tests.patience import PATIENT, PATIENT_WITH_POSTGRES

REDIS_IS_SOUND = "" if FULL else PATIENT
POSTGRES_IS_SOUND = "" if FULL else PATIENT_WITH_POSTGRES
"""What is not broken may be slow where the rest of the suite runs too, and is waited for."""


def assert_all_acknowledged(stand: Stand) -> None:
    """Every push was answered 200; at full size also that none took a second."""
    assert set(stand.oracle.statuses()) == {200}, stand.words()
    if FULL:  # of the machine that runs the suite nothing is known
        assert stand.oracle.seconds(1.0) < 1.0


async def repeat_while(sending: asyncio.Task[None], pause: float, fault: Callable[[], Awaitable[None]]) -> int:
    """Bring a fault about again and again until everything is sent; how often."""
    times = 0
    while not sending.done():
        await asyncio.wait({sending}, timeout=pause)
        if not sending.done():
            await fault()
            times += 1
    await sending
    return times


async def burst_of(stand: Stand, pushes: int) -> asyncio.Task[None]:
    """Begin to send as fast as web answers, until it no longer does; so many have been acknowledged."""
    wanted = len(stand.oracle.acknowledged) + pushes
    burst = asyncio.create_task(stand.oracle.send_until_unanswered(senders=32))
    await stand.wait(lambda: len(stand.oracle.acknowledged) >= wanted, "pushes are acknowledged")
    return burst


@asynccontextmanager
async def sending_on(stand: Stand, seconds: int) -> AsyncIterator[None]:
    """200 pushes a second, from a second before a fault that lasts so long until a second after it."""
    sending = asyncio.create_task(stand.oracle.send(200 * (seconds + 2), rate=200))
    await asyncio.sleep(1)
    yield
    await sending


DWELL = """
CREATE FUNCTION airudder.dwell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_sleep(0.2);
  RETURN NULL;
END $$;
CREATE TRIGGER dwell AFTER INSERT ON airudder.calls FOR EACH STATEMENT EXECUTE FUNCTION airudder.dwell();
"""

DWELL_NO_MORE = """
CREATE OR REPLACE FUNCTION airudder.dwell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$
"""
