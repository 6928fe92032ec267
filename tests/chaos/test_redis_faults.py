"""No acknowledged push is lost while Redis is killed, frozen, away, read-only, late, cut off or full."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.chaos.conftest import FULL, Report, conclude, size
from tests.chaos.faults import (
    POSTGRES_IS_SOUND,
    assert_all_acknowledged,
    repeat_while,
    sending_on,
)
from tests.chaos.managed import kill_at_once
from tests.chaos.stand import standing

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]


def test_redis_killed(folder: Path, seed: int, report: Report) -> None:
    """Redis is killed and started again while 500 pushes a second arrive."""

    async def scenario() -> None:
        async with standing(folder, seed, preamble=POSTGRES_IS_SOUND) as stand:
            sending = asyncio.create_task(stand.oracle.send(size(short=1000, full=15_000), rate=500))
            kills = await repeat_while(sending, 4.0 if FULL else 1.0, stand.redis.kill)
            await conclude(stand, report, kills=kills)
            assert_all_acknowledged(stand)

    asyncio.run(scenario())


def test_redis_frozen(folder: Path, seed: int, report: Report) -> None:
    """Redis stands still (SIGSTOP): its connections stay and nothing answers."""

    async def scenario() -> None:
        seconds = size(short=2, full=20)
        async with standing(folder, seed, preamble=POSTGRES_IS_SOUND) as stand:
            async with sending_on(stand, seconds):
                stand.redis.signal(signal.SIGSTOP)
                await asyncio.sleep(seconds)
                stand.redis.signal(signal.SIGCONT)
            await conclude(stand, report, frozen=f"{seconds} s")
            assert_all_acknowledged(stand)

    asyncio.run(scenario())


def test_redis_away(folder: Path, seed: int, report: Report) -> None:
    """Redis is not there for a minute."""

    async def scenario() -> None:
        seconds = size(short=2, full=60)
        async with standing(folder, seed, preamble=POSTGRES_IS_SOUND) as stand:
            async with sending_on(stand, seconds):
                await stand.redis.kill(hold=True)
                await asyncio.sleep(seconds)
                stand.redis.start()
            await conclude(stand, report, away=f"{seconds} s")
            assert_all_acknowledged(stand)

    asyncio.run(scenario())


def test_redis_read_only(folder: Path, seed: int, report: Report) -> None:
    """Redis becomes a replica, as in a failover, and refuses to write; then it is made a primary again."""

    async def scenario() -> None:
        seconds = size(short=2, full=20)
        async with standing(folder, seed, preamble=POSTGRES_IS_SOUND) as stand:
            async with sending_on(stand, seconds):
                with stand.client() as client:
                    client.replicaof("127.0.0.1", 1)
                await asyncio.sleep(seconds / 2)
                readiness = await asyncio.to_thread(stand.readiness)
                assert readiness["redis"].startswith("is a replica")
                await asyncio.sleep(seconds / 2)
                with stand.client() as client:
                    client.replicaof("NO", "ONE")
            await conclude(stand, report, read_only=f"{seconds} s")
            assert_all_acknowledged(stand)

    asyncio.run(scenario())


def test_redis_answers_late(folder: Path, seed: int, report: Report) -> None:
    """Redis answers after web has lost patience, so that both stores have the same pushes."""

    async def scenario() -> None:
        async with standing(folder, seed, preamble=POSTGRES_IS_SOUND) as stand:
            wanted, pushes = size(short=2, full=15), size(short=600, full=6000)

            def is_enough() -> bool:
                return stand.proxy.delays >= wanted and len(stand.oracle.answers) >= pushes

            sending = asyncio.create_task(stand.oracle.send_until(is_enough, rate=200))
            await asyncio.sleep(0.5)
            stand.proxy.delay_seconds = 0.6
            await stand.wait(lambda: stand.proxy.delays >= wanted, "answers came too late")
            stand.proxy.delay_seconds = 0.0
            await sending
            await conclude(stand, report, late=stand.proxy.delays)
            assert_all_acknowledged(stand)

    asyncio.run(scenario())


def test_answers_of_redis_cut(folder: Path, seed: int, report: Report) -> None:
    """The connection is cut after Redis has stored and before it could say so: the push goes to Postgres as well."""

    async def scenario() -> None:
        cuts = size(short=8, full=500)
        # After a cut a web process leaves Redis alone for a second: several at once take less time.
        async with standing(folder, seed, preamble=POSTGRES_IS_SOUND, WEB_CONCURRENCY="4") as stand:
            stand.oracle.keeps_connections = False
            stand.proxy.is_cutting = True
            while stand.proxy.cuts < cuts:
                await stand.oracle.send(40, rate=80)
            stand.proxy.is_cutting = False
            await conclude(stand, report, cuts=stand.proxy.cuts)
            assert_all_acknowledged(stand)

    asyncio.run(scenario())


def test_redis_full(folder: Path, seed: int, report: Report) -> None:
    """Redis comes to its memory limit while no worker works, and nobody raises the limit afterwards."""

    async def scenario() -> None:
        async with standing(folder, seed, preamble=POSTGRES_IS_SOUND) as stand:
            await kill_at_once([stand.worker, stand.sweeper], hold=True)
            with stand.client() as client:
                client.config_set("maxmemory", client.info("memory")["used_memory"] + 1_000_000)
            await stand.oracle.send(size(short=4000, full=12_000), rate=1000)
            with stand.connect() as connection:
                pending = connection.execute("SELECT count(*) AS pushes FROM airudder.pushes").fetchone()
            assert pending
            assert pending["pushes"] > 100
            assert "OutOfMemoryError" in stand.web.printed()
            stand.worker.start()
            stand.sweeper.start()
            await conclude(stand, report, through_postgres=pending["pushes"])
            assert_all_acknowledged(stand)

    asyncio.run(scenario())
