"""No acknowledged push is lost while Postgres is restarted, away or refuses, or both servers are away."""

from __future__ import annotations

import asyncio
import re
import signal
from functools import partial
from pathlib import Path

import pytest

from tests.chaos.conftest import FULL, Report, conclude, send_again_until_acknowledged, size
from tests.chaos.faults import DWELL, POSTGRES_IS_SOUND, REDIS_IS_SOUND, assert_all_acknowledged
from tests.chaos.managed import kill_at_once
from tests.chaos.stand import Stand, standing

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]


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
        async with standing(folder, seed, preamble=POSTGRES_IS_SOUND) as stand:
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
