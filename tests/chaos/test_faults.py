"""No acknowledged push is lost: every fault that we know of, on real servers and processes.

In its short form part of the suite; `make chaos` runs it at full size and prints the figures. A scenario sends, breaks
something, waits until nothing is in flight, and lets the oracle look.
"""

from __future__ import annotations

import asyncio
import random
import signal
from functools import partial
from pathlib import Path

import pytest

from tests.chaos.conftest import FULL, Report, conclude, size
from tests.chaos.faults import (
    DWELL,
    DWELL_NO_MORE,
    REDIS_IS_SOUND,
    assert_all_acknowledged,
    burst_of,
    repeat_while,
)
from tests.chaos.managed import kill_at_once, signal_all
from tests.chaos.stand import running_main_of, standing

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]


def test_workers_killed(folder: Path, seed: int, report: Report) -> None:
    """A random worker is killed every two seconds."""

    async def scenario() -> None:
        chance = random.Random(seed)
        async with standing(folder, seed, preamble=REDIS_IS_SOUND) as stand:
            sending = asyncio.create_task(stand.oracle.send(size(short=1000, full=20_000), rate=500))
            kills = await repeat_while(sending, 2.0 if FULL else 0.5, partial(stand.kill_a_worker, chance))
            in_hand = stand.worker.printed().count("lost its worker")
            slowest = await conclude(stand, report, kills=kills, with_batch_in_hand=in_hand)
            assert kills > 0
            assert in_hand > 0 or not FULL
            assert slowest < 60
            assert_all_acknowledged(stand)

    asyncio.run(scenario())


def test_web_killed_in_burst(folder: Path, seed: int, report: Report) -> None:
    """Web is killed in the middle of a burst, again and again: what was answered by then is there, and what was not is
    sent again as the vendor does, whether or not it had been stored."""

    async def scenario() -> None:
        chance = random.Random(seed)
        async with standing(folder, seed, preamble=REDIS_IS_SOUND) as stand:
            kills = size(short=3, full=50)
            for _ in range(kills):
                await stand.wait(stand.web_answers, "web answers")
                burst = await burst_of(stand, 1)
                await asyncio.sleep(chance.uniform(0, 0.5))
                await stand.web.kill()
                await burst
            await stand.wait(stand.web_answers, "web answers")
            again = await stand.oracle.send_again_what_failed()
            await conclude(stand, report, kills=kills, sent_again=again)
            assert_all_acknowledged(stand)

    asyncio.run(scenario())


KILLED_AT = """
import os, signal, sys
from workers import jobs, pool, taken_batch
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[1] == "start":
    pool.NormalisingWorker.execute_job = die
elif sys.argv[1] == "take":
    jobs.settle = die
else:
    taken_batch.TakenBatch.discard = die
pool.main()
"""


@pytest.mark.parametrize("moment", [*(["start"] if FULL else []), "take", "commit"])
def test_worker_killed_at_moment(folder: Path, seed: int, report: Report, moment: str) -> None:
    """Every worker dies between RQ's dequeue and the job's start, between take and commit, or between commit and
    discard; then others come."""

    async def scenario() -> None:
        async with standing(folder, seed, preamble=REDIS_IS_SOUND) as stand:
            await stand.worker.kill(hold=True)
            dying = stand.processes["dying"] = stand.worker.instead("-c", KILLED_AT, moment)
            dying.start()
            await stand.oracle.send(50, rate=50)
            await stand.wait(lambda: "exit code -9" in dying.printed(), "a worker dies")
            await dying.kill(hold=True)
            stand.worker.start()
            assert await conclude(stand, report) < 60
            assert_all_acknowledged(stand)

    asyncio.run(scenario())


@pytest.mark.skipif(not FULL, reason="Postgres gives a frozen worker half a minute")
def test_workers_frozen(folder: Path, seed: int, report: Report) -> None:
    """All workers of a host stand still in mid-transaction, with rows locked; those of another host come through."""

    async def scenario() -> None:
        async with standing(folder, seed, preamble=REDIS_IS_SOUND) as stand:
            with stand.connect() as connection:
                connection.execute(DWELL)
            sending = asyncio.create_task(stand.oracle.send(2000, rate=200))
            frozen = stand.worker.pids()
            while not stand.transaction_is_idle():
                signal_all(frozen, signal.SIGCONT)
                await stand.wait(stand.transaction_is_open, "a worker is in mid-transaction")
                frozen = stand.worker.pids()
                signal_all(frozen, signal.SIGSTOP)
                await asyncio.sleep(1)  # longer than a statement of theirs takes
            with stand.connect() as connection:
                # What they had in hand is settled push by push, and would dwell that many times.
                connection.execute(DWELL_NO_MORE)
            other = stand.processes["other"] = stand.worker.instead(*running_main_of("workers.pool"))
            other.start()
            await sending
            await stand.wait_until_quiet()
            assert "idle-in-transaction timeout" in stand.postgres.printed()
            signal_all(frozen, signal.SIGCONT)
            await conclude(stand, report)
            assert_all_acknowledged(stand)

    asyncio.run(scenario())


SLOW_COPY = """
import time
import workers.copy

write = workers.copy._Writer.write


def write_slowly(writer, data):
    time.sleep(0.2)
    write(writer, data)


workers.copy._Writer.write = write_slowly
"""


@pytest.mark.skipif(not FULL, reason="the sweeper gives a frozen worker a minute")
def test_workers_frozen_amid_copy(folder: Path, seed: int, report: Report) -> None:
    """All workers of a host stand still in the midst of a statement, for which Postgres has no bound: the sweeper ends
    it, and workers of another host come through."""

    async def scenario() -> None:
        async with standing(folder, seed, preamble=SLOW_COPY) as stand:
            sending = asyncio.create_task(stand.oracle.send(20_000, rate=1000))
            frozen: list[int] = []
            while not (frozen and stand.copy_waits_for_rows()):
                signal_all(frozen, signal.SIGCONT)
                await stand.wait(stand.copy_waits_for_rows, "a worker is in the midst of a COPY")
                signal_all(frozen := stand.worker.pids(), signal.SIGSTOP)
            other = stand.processes["other"] = stand.worker.instead(*running_main_of("workers.pool"))
            other.start()
            await sending
            await stand.wait_until_quiet()
            assert "waits for its worker" in stand.processes["sweeper"].printed()
            signal_all(frozen, signal.SIGCONT)
            await conclude(stand, report)
            assert_all_acknowledged(stand)

    asyncio.run(scenario())


def test_everything_killed_at_once(folder: Path, seed: int, report: Report) -> None:
    """Every process and server is killed at once, as by a reset of the machine, and started again."""

    async def scenario() -> None:
        chance = random.Random(seed)
        async with standing(folder, seed, preamble=REDIS_IS_SOUND) as stand:
            resets = size(short=1, full=10)
            for _ in range(resets):
                burst = await burst_of(stand, 100)
                await asyncio.sleep(chance.uniform(0, 2))
                await kill_at_once(stand.all)
                await burst
                await stand.wait(stand.web_is_ready, "web is ready")
            await conclude(stand, report, resets=resets)

    asyncio.run(scenario())
