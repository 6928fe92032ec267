"""Conservation: everything acknowledged is in exactly one place, and what is missing is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from psycopg import Connection

from ingest.batch import keys
from ops.commands.reconcile import reconcile
from tests.batches import acknowledge, batch_ids
from tests.processes import ingest
from tests.pushes import entry, push
from workers.database import Database
from workers.jobs import normalise_batch
from workers.sweeper.loop import Sweeper

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("within_an_hour", "environment")


def test_every_outcome_adds_up(
    redis_url: str, database_url: str, client: Any, database: Database, connection: Rows
) -> None:
    """Pushes that are normalised, duplicate, dead, pending or in a batch, in either store or in both, add up."""
    nobody, both = "redis://127.0.0.1:1/0", entry(push("c2"))
    acknowledge(redis_url, database_url, [entry(push()), entry(push()), entry(b"[]"), both])
    acknowledge(nobody, database_url, [both, entry(push("c3"))])
    Sweeper(client, database).run_once()
    (settled,) = batch_ids(client)
    normalise_batch(client, database, settled)
    acknowledge(redis_url, database_url, [entry(push("c4")), entry(push("c5"))])
    acknowledge(nobody, database_url, [entry(push("c6"))])

    result = ingest("reconcile", "--json")

    (hour,) = json.loads(result.stdout)
    del hour["hour"]
    assert hour == {
        "source": "default",
        "acknowledged": 8,
        "normalised": 3,
        "duplicate": 1,
        "dead": 1,
        "discarded": 0,
        "erased": 0,
        "in_flight": 3,
        "difference": 0,
    }
    assert result.returncode == 0


def test_pending_half_of_both_adds_up(
    redis_url: str, database_url: str, client: Any, database: Database, connection: Rows
) -> None:
    """A push that both stores hold balances at every stage: pending, settled from Postgres, settled from Redis."""
    both = entry(push())
    acknowledge(redis_url, database_url, [both])
    acknowledge("redis://127.0.0.1:1/0", database_url, [both])
    stages: list[Callable[[], object]] = [
        lambda: None,
        lambda: Sweeper(client, database).run_once(),
        lambda: normalise_batch(client, database, batch_ids(client)[0]),
    ]

    for stage in stages:
        stage()
        assert [hour.difference for hour in reconcile(client, connection)] == [0]


def test_committed_batch_counts_once(
    redis_url: str, database_url: str, client: Any, database: Database, connection: Rows
) -> None:
    """A batch that is committed and not yet discarded is counted by its rows alone."""
    acknowledge(redis_url, database_url, [entry(push())])
    (batch_id,) = batch_ids(client)
    saved = client.dump(keys.batch(batch_id))
    normalise_batch(client, database, batch_id)
    client.restore(keys.taken(batch_id), 0, saved)
    client.zadd(keys.BATCHES, {batch_id: 1.0})

    (hour,) = reconcile(client, connection)

    assert (hour.acknowledged, hour.in_flight, hour.difference) == (1, 0, 0)


def test_lost_batch_is_told(redis_url: str, database_url: str, client: Any, connection: Rows) -> None:
    """Pushes that were acknowledged and are nowhere are a difference, and exit code 1."""
    acknowledge(redis_url, database_url, [entry(push("c1")), entry(push("c2"))])
    client.delete(keys.batch(batch_ids(client)[0]))

    result = ingest("reconcile")

    assert result.returncode == 1
    assert "2 pushes too few or too many" in result.stderr
    assert result.stdout.splitlines()[-1].endswith(" 2")


def test_doubled_push_is_told(client: Any, database: Database, connection: Rows) -> None:
    """A row that nobody acknowledged is a difference as well."""
    connection.execute(
        "INSERT INTO airudder.pushes (push_id, received_at, source, kind, body, status, through_redis) "
        "VALUES (gen_random_uuid(), now(), 'default', 'custom-api', '', 'pending', true)"
    )

    (hour,) = reconcile(client, connection)

    assert hour.difference == -1
