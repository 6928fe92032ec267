"""The soak: pushes all the time, and every while a fault drawn by chance. Half an hour of it is `make chaos-long`."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.chaos.conftest import Report, conclude, send_again_until_acknowledged, size
from tests.chaos.managed import kill_at_once, signal_all
from tests.chaos.oracle import NO_ANSWER
from tests.chaos.stand import Stand, standing

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(3600)]

PUSHES_PER_SECOND = 100


async def kill_a_worker(stand: Stand, chance: random.Random) -> None:
    """One worker of the pool."""
    await stand.kill_a_worker(chance)


async def kill_a_process(stand: Stand, chance: random.Random) -> None:
    """A process or server with all below it; it is started again at once."""
    await chance.choice(stand.all).kill()


async def stop_a_process(stand: Stand, chance: random.Random) -> None:
    """SIGTERM, as in a rolling restart: to one of ours."""
    chance.choice([stand.web, stand.worker, stand.sweeper]).signal(signal.SIGTERM)


async def freeze_a_server(stand: Stand, chance: random.Random) -> None:
    """SIGSTOP for some seconds, with all its processes."""
    server = chance.choice([stand.redis, stand.postgres])
    pids = server.pids()
    signal_all(pids, signal.SIGSTOP)
    await asyncio.sleep(chance.uniform(0.5, 6))
    signal_all(pids, signal.SIGCONT)


async def take_a_server_away(stand: Stand, chance: random.Random) -> None:
    """Killed, and back after some seconds."""
    server = chance.choice([stand.redis, stand.postgres])
    await server.kill(hold=True)
    await asyncio.sleep(chance.uniform(0.5, 6))
    server.start()


async def delay_answers(stand: Stand, chance: random.Random) -> None:
    """Redis answers too late, or nearly."""
    stand.proxy.delay_seconds = chance.uniform(0.1, 0.6)
    await asyncio.sleep(chance.uniform(0.5, 6))
    stand.proxy.delay_seconds = 0.0


async def cut_answers(stand: Stand, chance: random.Random) -> None:
    """Redis stores and cannot say so."""
    stand.proxy.is_cutting = True
    await asyncio.sleep(chance.uniform(0.5, 6))
    stand.proxy.is_cutting = False


async def kill_everything(stand: Stand, _chance: random.Random) -> None:
    """All of it at once, as by a reset of the machine."""
    await kill_at_once(stand.all)


Fault = Callable[[Stand, random.Random], Awaitable[None]]
FAULTS: list[Fault] = [
    kill_a_worker,
    kill_a_process,
    stop_a_process,
    freeze_a_server,
    take_a_server_away,
    delay_answers,
    cut_answers,
    kill_everything,
]


def test_soak(folder: Path, seed: int, report: Report) -> None:
    """Whatever happens, and in whatever order: nothing acknowledged is lost or doubled, and the counts agree."""

    async def scenario() -> None:
        pause = size(short=2, full=10, long=20)
        faults = random.Random(seed).choices(FAULTS, k=size(short=4, full=12, long=90))
        to_come = len(faults)
        async with standing(folder, seed) as stand:
            sending = asyncio.create_task(stand.oracle.send_until(lambda: not to_come, PUSHES_PER_SECOND))
            for number, fault in enumerate(faults):
                begun = time.monotonic()
                await fault(stand, random.Random(f"{seed} {number}"))
                await asyncio.sleep(max(0.0, begun + pause - time.monotonic()))
                to_come -= 1
            await sending
            # Refused while neither store was there, or not answered where web was killed: the vendor sends it again.
            assert set(stand.oracle.statuses()) <= {200, 503, NO_ANSWER}
            await stand.wait(stand.web_is_ready, "web is ready")
            failed = await send_again_until_acknowledged(stand)
            await conclude(stand, report, sent_again=failed, faults=dict(Counter(one.__name__ for one in faults)))

    asyncio.run(scenario())
