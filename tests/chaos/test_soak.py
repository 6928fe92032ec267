"""The soak: pushes all the time, and every while a fault drawn by chance. Half an hour of it is `make chaos-long`."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.chaos.conftest import Report, conclude, size
from tests.chaos.managed import signal_pid
from tests.chaos.stand import Stand, standing
from tests.processes import descendants

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(3600)]

PUSHES_PER_SECOND = 100


async def kill_a_worker(stand: Stand, chance: random.Random) -> None:
    """One worker of the pool."""
    if workers := descendants(stand.worker.pid):
        signal_pid(chance.choice(workers), signal.SIGKILL)


async def kill_a_process(stand: Stand, chance: random.Random) -> None:
    """A process or server with all below it; it is started again at once."""
    chance.choice(stand.all).kill()


async def stop_a_process(stand: Stand, chance: random.Random) -> None:
    """SIGTERM, as in a rolling restart: to one of ours."""
    chance.choice([stand.web, stand.worker, stand.sweeper]).signal(signal.SIGTERM)


async def freeze_a_server(stand: Stand, chance: random.Random) -> None:
    """SIGSTOP for some seconds, with all its processes."""
    server = chance.choice([stand.redis, stand.postgres])
    pids = [server.pid, *descendants(server.pid)]
    for pid in pids:
        signal_pid(pid, signal.SIGSTOP)
    await asyncio.sleep(chance.uniform(0.5, 6))
    for pid in pids:
        signal_pid(pid, signal.SIGCONT)


async def take_a_server_away(stand: Stand, chance: random.Random) -> None:
    """Killed, and back after some seconds."""
    server = chance.choice([stand.redis, stand.postgres])
    server.kill(hold=True)
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
    for process in stand.all:
        process.is_held = True
    for process in stand.all:
        process.kill(hold=True)
    for process in stand.all:
        process.start()


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
        chance = random.Random(seed)
        faults, pause = size(short=4, full=12, long=90), size(short=2, full=10, long=20)
        happened: Counter[str] = Counter()
        async with standing(folder, seed) as stand:
            count = PUSHES_PER_SECOND * pause * (faults + 1)
            sending = asyncio.create_task(stand.oracle.send(count, PUSHES_PER_SECOND))
            for number in range(1, faults + 1):
                begun = asyncio.get_running_loop().time()
                fault = chance.choice(FAULTS)
                await fault(stand, chance)
                happened[fault.__name__] += 1
                await asyncio.sleep(max(0.0, begun + pause - asyncio.get_running_loop().time()))
                assert not sending.done() or number == faults
            await sending
            await conclude(stand, report, faults=dict(happened))
            # 503 while neither store was there, 0 where web was killed: those the vendor sends again.
            assert set(stand.oracle.statuses()) <= {200, 503, 0}
            assert len(stand.oracle.acknowledged) > count / 2

    asyncio.run(scenario())
