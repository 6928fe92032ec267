"""`ingest status` and `ingest watch` on a host whose clock is wrong: Redis's counts, not that of who looks."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import pytest

from ingest import settings
from ingest.batch import keys
from ops.in_flight import connect, in_flight
from ops.problems.find import find_problems
from ops.refusals import sources
from ops.status.gather import gather
from tests.processes import descendants, running, wait_until

pytestmark = pytest.mark.usefixtures("environment", "host_clock")

LOOKERS = ("ops.in_flight", "ops.status.in_redis", "ops.status.gather", "ops.refusals.sources")


@pytest.fixture(params=[-3600.0, 41.0, 76.0, 3600.0], ids="{:+.0f} s".format)
def host_clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], float]:
    """The host where somebody looks is so far ahead of all others; gives the time that is right."""
    ahead, right = timedelta(seconds=request.param), time.time

    class HostTime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + ahead

    for module in LOOKERS:
        monkeypatch.setattr(f"{module}.datetime", HostTime, raising=False)
    monkeypatch.setattr(time, "time", lambda: right() + request.param)
    return right


def problems() -> set[str]:
    """What is wrong, by name."""
    return {one.name for one in find_problems(gather(settings.load()))}


def test_workers_of_other_hosts_are_judged_by_redis(client: Any) -> None:
    """One that works is none that stands still or is gone, and one that stands still is seen, whatever clock this host
    has."""
    with running("worker", WORKERS="1") as pool:
        (key,) = wait_until(lambda: client.smembers("rq:workers"), "a worker registers")
        wait_until(lambda: client.hget(key, "last_heartbeat") and client.hget(key, "holder"), "its heart beats")
        client.hset(key, "holder", "another host:another boot:pid:[1]:7")
        with connect(settings.load()) as asking:
            assert in_flight(asking)["workers"] == 1
        assert not {"no worker", "workers silent"} & problems()

        stopped = [pool.pid, *descendants(pool.pid)]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        beat = datetime.fromtimestamp(client.time()[0] - 50, UTC)
        client.hset(key, "last_heartbeat", f"{beat:%Y-%m-%dT%H:%M:%S.%fZ}")
        assert "workers silent" in problems()
        for pid in reversed(stopped):
            os.kill(pid, signal.SIGCONT)


def test_ages_are_those_of_redis(client: Any, host_clock: Callable[[], float]) -> None:
    """How long a batch waits, a chore has not succeeded and a source is silent, and what was refused lately."""
    now = host_clock()
    client.zadd(keys.BATCHES, {"b1": now - 20})
    client.set(keys.SWEEPER, 1)
    client.hset(keys.CHORES, mapping={"lost batches\tsucceeded_at": now - 5, "lost batches\tevery": 1.0})
    client.hset(keys.LAST_PUSH, "shop", now - 7)
    client.hset(keys.refused_in(int(now // 60)), keys.refused_field("body too large", "shop"), 40)

    facts = gather(settings.load())
    found = {one.name for one in find_problems(facts)}
    (source,) = sources.look(settings.load()).sources

    assert 20 <= facts.redis.in_flight["oldest_seconds"] < 60
    assert 7 <= (source.silent_seconds or 0) < 60
    assert "refused body too large shop" in found
    assert not {"batches wait", "chore lost batches"} & found
