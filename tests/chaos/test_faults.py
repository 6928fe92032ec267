"""No acknowledged push is lost: every fault that we know of, on real servers and processes.

In its short form part of the suite; `make chaos` runs it at full size and prints the figures. A scenario sends, breaks
something, waits until nothing is in flight, and lets the oracle look.
"""

from __future__ import annotations

import asyncio
import random
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.chaos.conftest import FULL, Report, conclude, send_again_until_acknowledged, size
from tests.chaos.managed import kill_at_once, signal_all
from tests.chaos.stand import Stand, running_main_of, standing
from tests.processes import PATIENT, PATIENT_WITH_POSTGRES

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

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
        async with standing(folder, seed, WEB_CONCURRENCY="4") as stand:
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


def test_postgres_restarted(folder: Path, seed: int, report: Report) -> None:
    """Postgres ends in the middle of transactions, as after a crash, and comes again."""

    async def scenario() -> None:
        async with standing(folder, seed, preamble=REDIS_IS_SOUND) as stand:
            with stand.connect() as connection:
                connection.execute(DWELL)
            restarts = size(short=2, full=30)

            def has_started(times: int) -> bool:
                return stand.postgres.starts > times

            sending = asyncio.create_task(stand.oracle.send_until(lambda: has_started(restarts), rate=200))
            for number in range(1, restarts + 1):
                await stand.wait(stand.transaction_is_open, "a worker is in mid-transaction")
                stand.postgres.signal(signal.SIGQUIT)
                await stand.wait(partial(has_started, number), "Postgres is started again")
                await stand.wait(stand.postgres_answers, "Postgres answers")
            await sending
            # Whether it was sending or waiting for an answer; not one that could not connect.
            cut = len(re.findall("OperationalError at (?!connect)", stand.worker.printed()))
            await conclude(stand, report, restarts=restarts, transactions_cut=cut)
            assert cut >= restarts / 2
            assert_all_acknowledged(stand)

    asyncio.run(scenario())


def test_postgres_away(folder: Path, seed: int, report: Report) -> None:
    """Postgres is not there for three minutes: acknowledgements do not notice, and nothing is dead or failed after."""

    async def scenario() -> None:
        seconds = size(short=3, full=180)
        before = size(short=1, full=30)
        async with standing(folder, seed, preamble=REDIS_IS_SOUND) as stand:
            await stand.oracle.send(100, rate=100)
            begun = asyncio.get_running_loop().time()
            sending = asyncio.create_task(stand.oracle.send(200 * (seconds + before), rate=200))
            await asyncio.sleep(before)
            gone = asyncio.get_running_loop().time()
            await stand.postgres.kill(hold=True)
            await asyncio.sleep(seconds - 1)
            stand.postgres.start()
            await sending
            p99_before = stand.oracle.seconds(0.99, begun, gone)
            p99_away = stand.oracle.seconds(0.99, gone, gone + seconds - 1)
            await conclude(stand, report, away=f"{seconds} s", p99_before=p99_before, p99_while_away=p99_away)
            assert_all_acknowledged(stand)
            if FULL:
                assert p99_away < 1.2 * p99_before

    asyncio.run(scenario())


def test_both_away(folder: Path, seed: int, report: Report) -> None:
    """Neither store is there: 503 at once and honest readiness; when they come back, so does everything."""

    async def scenario() -> None:
        async with standing(folder, seed) as stand:
            await stand.oracle.send(100, rate=100)
            await kill_at_once([stand.redis, stand.postgres], hold=True)
            away = size(short=200, full=2000)
            await stand.oracle.send(away, rate=100)
            assert stand.oracle.statuses() == {200: 100, 503: away}
            assert not await asyncio.to_thread(stand.web_is_ready)
            stand.redis.start()
            stand.postgres.start()
            await stand.wait(stand.web_is_ready, "web is ready")
            await stand.wait(stand.postgres_answers, "Postgres answers")
            # Web leaves a store that failed alone for a second: the vendor, who waits for a minute, would not notice.
            assert await send_again_until_acknowledged(stand) == away
            await conclude(stand, report, answered_503=away)
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


REFUSE_AT_TIMES = """
CREATE SEQUENCE airudder.transaction_number;
CREATE FUNCTION airudder.refuse_at_times() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  CASE nextval('airudder.transaction_number') % 10
    WHEN 3 THEN RAISE EXCEPTION 'forced' USING ERRCODE = '40P01';
    WHEN 7 THEN RAISE EXCEPTION 'forced' USING ERRCODE = '40001';
    ELSE RETURN NULL;
  END CASE;
END $$;
CREATE TRIGGER refuse_at_times AFTER INSERT ON airudder.calls
  FOR EACH STATEMENT EXECUTE FUNCTION airudder.refuse_at_times();
"""


def refusals(stand: Stand) -> tuple[int, int]:
    """How often workers have met each of the two."""
    printed = stand.worker.printed()
    return printed.count("DeadlockDetected"), printed.count("SerializationFailure")


def test_transactions_refused(folder: Path, seed: int, report: Report) -> None:
    """Postgres refuses a fifth of all transactions, for deadlocks and serialization failures."""

    async def scenario() -> None:
        async with standing(folder, seed, preamble=REDIS_IS_SOUND) as stand:
            with stand.connect() as connection:
                connection.execute(REFUSE_AT_TIMES)
            await stand.oracle.send(size(short=600, full=10_000), rate=300)
            # Where workers are slow, batches are large, and transactions few.
            wanted = size(short=1, full=20)
            await stand.oracle.send_until(lambda: min(refusals(stand)) >= wanted, rate=20)
            deadlocks, failures = refusals(stand)
            await conclude(stand, report, deadlocks=deadlocks, serialization_failures=failures)
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
