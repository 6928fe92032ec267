"""The life of a batch as a model: whatever happens to web, workers and sweeper, in whatever order, no push is lost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg import Connection
from redis import Redis

import workers.settle
from ingest.batch import keys
from ingest.batch.clients import acknowledging_client
from ingest.batch.entry import Entry
from ingest.batch.push_ids import PushIds
from ingest.batch.queue import normalise_queue
from ingest.errors import NowhereToStoreError
from ingest.web import open_batch
from ingest.web.fallback import Fallback
from ingest.web.open_batch import OpenBatch
from ops.commands.reconcile import reconcile
from ops.in_flight import entries_in_flight
from ops.repair.replays import begin_replay
from tests.batches import count_copies
from tests.chaos.conftest import FULL, Report, size
from tests.chaos.proxy import Proxy
from tests.conftest import TABLES
from tests.pushes import entry, push
from tests.servers import redis_set_to
from workers import statements
from workers.database import Database
from workers.jobs import normalise_batch
from workers.selection import Selection
from workers.settle import settle
from workers.sweeper.day_blocks import BEGIN, END, Block
from workers.sweeper.loop import Sweeper
from workers.sweeper.lost_batches import GRACE_SECONDS
from workers.taken_batch import TakenBatch, take

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1800)]

ENOUGH_SWEEPS = 20

BODIES = st.one_of(
    st.builds(push, st.sampled_from(["c1", "c2", "c3"]), turns=st.integers(0, 2)),
    st.sampled_from([b"[]", b"{", b"{}"]),
)


@dataclass
class World:
    """The servers, as the fixtures give them."""

    redis_url: str
    database_url: str
    client: Any
    database: Database
    connection: Connection[dict[str, Any]]


class Web:
    """One web process's open batch and fallback, behind a proxy to Redis; its loop runs while pushes are appended."""

    def __init__(self, world: World) -> None:
        self._runner = asyncio.Runner()
        self._world = world
        self._runner.run(self._start())

    async def _start(self) -> None:
        self._proxy = await Proxy(self._world.redis_url).__aenter__()
        self._fallback = Fallback(self._world.database_url)
        self._refuses = False
        self._client = acknowledging_client(self._proxy.url)
        batch = OpenBatch(self._client, PushIds(), self._store)
        self._batch, self._writer = batch, asyncio.create_task(batch.run())

    async def _store(self, entries: list[Entry]) -> None:
        if self._refuses:
            self._proxy.is_cutting = False
            raise NowhereToStoreError("Postgres is away")
        await self._fallback.store(entries)

    def acknowledge(self, entries: list[Entry], *, is_cut: bool, is_refused: bool) -> None:
        """Append pushes at once; they are on disk after. `is_cut`: Redis cannot confirm that at first. `is_refused`:
        Postgres is away."""

        async def append() -> None:
            self._proxy.is_cutting, self._refuses = is_cut, is_refused
            await asyncio.gather(*(self._batch.append(one) for one in entries))

        self._runner.run(append())

    def store_without_redis(self, entries: list[Entry]) -> None:
        """What a web process does whose Redis rests."""
        self._runner.run(self._fallback.store(entries))

    def leave(self) -> None:
        """End; an open batch stays as it is."""

        async def stop() -> None:
            self._writer.cancel()
            await self._fallback.close()
            await self._client.aclose()
            await self._proxy.__aexit__(None)

        self._runner.run(stop())
        self._runner.close()


class BatchLife(RuleBasedStateMachine):
    """`acknowledged` is the model: what was stored, and so must be somewhere, once, for ever."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.client = world.client
        self.queue = normalise_queue(world.client)
        world.client.flushdb()
        world.connection.execute(f"TRUNCATE airudder.{TABLES}")
        self.acknowledged: dict[Any, Entry] = {}
        self.settled: dict[Any, str] = {}
        self.held: list[TakenBatch] = []
        self.now = 0.0
        self.web = Web(world)
        self.patch = pytest.MonkeyPatch()
        self.sweeper_starts()

    @initialize(copy_from=st.sampled_from([1, workers.settle.COPY_FROM]))
    def batches_are_copied_from(self, copy_from: int) -> None:
        """Batches as small as these are upserted, and copied in every other life."""
        self.patch.setattr(workers.settle, "COPY_FROM", copy_from)

    # Web

    @rule(bodies=st.lists(BODIES, min_size=1, max_size=4), is_cut=st.booleans(), is_refused=st.booleans())
    def append(self, bodies: list[Any], is_cut: bool, is_refused: bool) -> None:
        """Pushes arrive; perhaps Redis's confirmation does not, and perhaps Postgres is away."""
        entries = [entry(body) for body in bodies]
        self.web.acknowledge(entries, is_cut=is_cut, is_refused=is_refused)
        self._remember(entries)
        assert {one.uuid for one in entries} <= set(entries_in_flight(self.client))

    @rule(bodies=st.lists(BODIES, min_size=1, max_size=4))
    def append_without_redis(self, bodies: list[Any]) -> None:
        """Pushes arrive while Redis is away."""
        entries = [entry(body) for body in bodies]
        self.web.store_without_redis(entries)
        self._remember(entries)

    @rule()
    def web_restarts(self) -> None:
        """The open batch of the one before is nobody's any more."""
        self.web.leave()
        self.web = Web(self.world)

    # Workers

    @precondition(lambda self: self.queue.get_job_ids())
    @rule()
    def worker_works(self) -> None:
        """A job as it should go."""
        batch_id = self._dequeue()
        normalise_batch(self.client, self.world.database, batch_id)
        self.client.lrem(self.queue.intermediate_queue_key, 1, batch_id)

    @precondition(lambda self: self.queue.get_job_ids())
    @rule()
    def worker_dies_before_job(self) -> None:
        """Between RQ's dequeue and the job's start."""
        self._dequeue()

    @precondition(lambda self: self.queue.get_job_ids())
    @rule()
    def worker_freezes_after_take(self) -> None:
        """Between take and commit; it may be dead, or wake up whenever it likes."""
        if batch := take(self.client, self._dequeue()):
            self.held.append(batch)

    @precondition(lambda self: self.held)
    @rule(place=st.integers(0, 9))
    def worker_wakes(self, place: int) -> None:
        """It knows nothing of what has become of its batch."""
        batch = self.held.pop(place % len(self.held))
        settle(self.world.database, batch.entries)
        batch.discard()

    @precondition(lambda self: self.queue.get_job_ids())
    @rule()
    def worker_dies_after_commit(self) -> None:
        """Between commit and discard."""
        if batch := take(self.client, self._dequeue()):
            settle(self.world.database, batch.entries)

    # Sweeper, operators and time

    @rule()
    def sweep(self) -> None:
        """One pass, somewhat later."""
        self.now += GRACE_SECONDS / 2
        self.sweeper.run_once()

    @rule()
    def a_minute_passes(self) -> None:
        """Dead workers' leases run out, and the sweeper has looked long enough to believe it."""
        for lease in self.client.keys(keys.lease("*")):
            self.client.delete(lease)
        self.sweeper.run_once()
        self.now += GRACE_SECONDS
        self.sweeper.run_once()

    @rule()
    def sweep_of_full_redis(self) -> None:
        """One pass while Redis takes nothing more."""
        with redis_set_to(self.client, maxmemory="1"):
            self.sweeper.run_once()

    @rule()
    def sweeper_starts(self) -> None:
        """It remembers nothing of the one before."""
        self.sweeper = Sweeper(self.client, self.world.database, clock=lambda: self.now)

    @rule()
    def sweeper_dies(self) -> None:
        """With pending pushes in hand."""
        bounds = {"at_least": 0, "at_most": 1, "limit": 2, "bytes": 2**20, "resting": [], "replayed": False}
        bounds |= Block(BEGIN, END)._asdict()
        self.world.database.run(lambda connection: connection.execute(statements.BEGIN_OLDEST_PENDING, bounds))

    @rule()
    def replay(self) -> None:
        """Dead letters are given another try, and what is normalised is normalised again."""
        begin_replay(self.world.connection, "a machine", Selection(statuses=("dead", "normalised")))

    # What holds at every step

    @invariant()
    def counts_agree(self) -> None:
        """Acknowledged = normalised + duplicate + dead + in flight."""
        hours = reconcile(self.client, self.world.connection)
        assert [hour.row() for hour in hours if hour.difference] == []
        # What both stores hold is told twice, on both sides, until its batch is settled.
        self.told = sum(hour.acknowledged for hour in hours)
        assert self.told >= len(self.acknowledged)

    @invariant()
    def everything_is_somewhere_once(self) -> None:
        """A push is in Redis or has its one row, and nothing else is there; an outcome is the right one, and stays, but
        for that of a retry which was settled before the first delivery."""
        rows = self.world.connection.execute("SELECT push_id, body, status FROM airudder.pushes").fetchall()
        statuses = {row["push_id"]: row["status"] for row in rows}
        assert len(statuses) == len(rows)
        assert statuses.keys() | set(entries_in_flight(self.client)) == self.acknowledged.keys()
        for row in rows:
            one = self.acknowledged[row["push_id"]]
            assert row["body"] == one.body
            assert row["status"] in ({"normalised", "duplicate"} if _is_good(one) else {"dead"}) | {"pending"}
        waiting = {push_id for push_id, status in statuses.items() if status == "pending"}
        changed = {push_id for push_id, status in self.settled.items() if statuses[push_id] != status} - waiting
        assert all(statuses[push_id] == "duplicate" and not self._is_first(push_id) for push_id in changed)
        self.settled |= {push_id: status for push_id, status in statuses.items() if status not in ("pending", "dead")}

    def teardown(self) -> None:
        """Left alone, everything comes to its end, and the newest push of each call is the one that is seen."""
        try:
            self._come_to_rest()
            self.counts_agree()
            assert self.told == len(self.acknowledged)
            self.everything_is_somewhere_once()
            calls = self.world.connection.execute("SELECT call_id, received_at FROM airudder.calls").fetchall()
            assert {call["call_id"]: call["received_at"] for call in calls} == self._newest_of_calls()
            normalised = {push_id for push_id, status in self.settled.items() if status == "normalised"}
            assert normalised == {one.uuid for one in self._firsts()}
        finally:
            self.patch.undo()
            self.web.leave()

    def _come_to_rest(self) -> None:
        for _ in range(ENOUGH_SWEEPS):
            self.a_minute_passes()
            while self.queue.get_job_ids():
                self.worker_works()
            pending = self.world.connection.execute("SELECT FROM airudder.pushes WHERE status = 'pending'").fetchall()
            replays = self.world.connection.execute("SELECT FROM airudder.replays WHERE ended_at IS NULL").fetchall()
            if not (pending or replays) and not self.client.zcard(keys.BATCHES):
                break
        left = {key.decode() for key in self.client.scan_iter() if not key.startswith((b"acknowledged:", b"rq:"))}
        assert left <= {keys.SWEEPER, keys.CHORES}
        assert not pending
        assert not replays

    def _remember(self, entries: list[Entry]) -> None:
        self.acknowledged |= {one.uuid: one for one in entries}

    def _dequeue(self) -> str:
        """As RQ does it."""
        batch_id: Any = self.client.lmove(self.queue.key, self.queue.intermediate_queue_key, "LEFT", "RIGHT")
        assert batch_id
        return bytes(batch_id).decode()

    def _newest_of_calls(self) -> dict[str, Any]:
        return {_call_id(one): one.received_at for one in self._firsts()}

    def _firsts(self) -> list[Entry]:
        """Of the deliveries of the same bytes the first, in the order in which they came: the others are retries."""
        good = sorted((one for one in self.acknowledged.values() if _is_good(one)), key=lambda one: one.push_id)
        firsts: dict[bytes, Entry] = {}
        for one in good:
            firsts.setdefault(one.body, one)
        return list(firsts.values())

    def _is_first(self, push_id: Any) -> bool:
        return push_id in {one.uuid for one in self._firsts()}


def _is_good(one: Entry) -> bool:
    return one.body.startswith(b'{"')


def _call_id(one: Entry) -> str:
    return one.body.partition(b'"call_id": "')[2][:2].decode()


def test_life_of_batch(
    redis_url: str,
    database_url: str,
    client: Redis,
    database: Database,
    connection: Connection[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    report: Report,
) -> None:
    """Append, take, crash, sweep and replay in any order."""
    monkeypatch.setattr(open_batch, "REDIS_REST_SECONDS", 0.0)
    world = World(redis_url, database_url, client, database, connection)
    lives, steps = size(short=25, full=200), size(short=30, full=50)
    copies = count_copies(monkeypatch)

    @hypothesis.seed(seed)
    class Life(BatchLife):
        def __init__(self) -> None:
            super().__init__(world)

    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=lives,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    if FULL:  # in a few lives perhaps none is
        assert copies.keys() == {True, False}
    report(lives=lives, steps_at_most=steps, copied=copies[True], copied_in_vain=copies[False])
