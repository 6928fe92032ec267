"""A Redis at its memory limit."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
from psycopg import Connection

from ingest.batch import keys
from ingest.batch.entry import encode_entry
from tests.batches import batch_without_job
from tests.pushes import entry, hang_on_poison, push
from tests.servers import redis_set_to
from tests.stored import statuses
from workers import settle
from workers.database import Database
from workers.sweeper.full_redis import BUDGET_SECONDS, FullRedis
from workers.sweeper.loop import Sweeper

Rows = Connection[dict[str, Any]]


def test_full_redis_is_emptied(sweeper: Sweeper, client: Any, connection: Rows) -> None:
    """A Redis at its memory limit, in which RQ can do nothing, gets room: batches move to Postgres and are settled."""
    for number in range(3):
        batch_without_job(client, f"b{number}")
    batch_without_job(client, "at work")
    client.set(keys.lease("at work"), "elsewhere:1")
    with redis_set_to(client, maxmemory="1"):
        assert sweeper.run_once() == 3 + 3

    assert statuses(connection) == ["normalised"] + ["duplicate"] * 2
    assert connection.execute("SELECT bool_and(through_redis) AS all FROM airudder.pushes").fetchone() == {"all": True}
    assert keys.decode_ids(client.zrange(keys.BATCHES, 0, -1)) == ["at work"]


def test_nearly_full_redis_is_emptied(sweeper: Sweeper, client: Any, connection: Rows) -> None:
    """Room is made before the very limit, at which RQ's workers could not even register; a batch that has only just
    been opened is left to them."""
    batch_without_job(client)
    batch_without_job(client, "new")
    client.zadd(keys.BATCHES, {"new": time.time()})
    limit = round(client.info("memory")["used_memory"] / 0.95)

    with redis_set_to(client, maxmemory=str(limit)):
        sweeper.run_once()

    assert keys.decode_ids(client.zrange(keys.BATCHES, 0, -1)) == ["new"]
    assert statuses(connection) == ["normalised"]


def test_moving_leaves_others_their_turn(client: Any, database: Database, connection: Rows) -> None:
    """Many batches are moved in several passes."""
    ticks = itertools.count(step=0.4 * BUDGET_SECONDS)
    for number in range(5):
        batch_without_job(client, f"b{number}")
    chore = FullRedis(client, database, lambda: next(ticks))
    with redis_set_to(client, maxmemory="1"):
        assert [chore.run_once() for _ in range(4)] == [2, 2, 1, 0]

    assert statuses(connection) == ["pending"] * 5


def test_moved_batch_is_tried_push_by_push(
    sweeper: Sweeper, client: Any, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever may have ended workers is tried alone, as often as anywhere, after a full Redis was emptied: a mate is
    blamed for nothing."""
    monkeypatch.setattr(settle, "normalise", hang_on_poison)
    for one in (entry(push("c1")), entry(push("c2", poison=True))):
        client.rpush(keys.batch("b1"), encode_entry(one))
    client.zadd(keys.BATCHES, {"b1": 1.0})
    client.hset(keys.progress("b1"), "attempts", 3)

    with redis_set_to(client, maxmemory="1"):
        while "pending" in statuses(connection) or not statuses(connection):
            assert sweeper.run_once() > 0

    rows = connection.execute("SELECT status, attempts FROM airudder.pushes ORDER BY push_id").fetchall()
    assert [(row["status"], row["attempts"]) for row in rows] == [("normalised", 2), ("dead", 4)]
