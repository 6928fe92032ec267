"""A full Redis: its batches move to Postgres as pending, as it refuses RQ all that a worker needs."""

from __future__ import annotations

import logging
import time

from redis import Redis
from redis.exceptions import OutOfMemoryError

from ingest.batch import keys
from ingest.batch.entry import pending_columns
from workers import statements
from workers.database import Database
from workers.sweeper.pending import ATTEMPTS_ALONE, ATTEMPTS_TOGETHER
from workers.taken_batch import TakenBatch, seize

SWEEPER_SILENCE_SECONDS = 60
"""How long after its last sweep a sweeper counts as working."""
ROOMY = 0.9
"""How much of its memory a Redis may use that has room: at the very limit RQ's workers could not even begin."""
UNTOUCHED_SECONDS = 10.0
"""A batch that nobody has taken for so long is one that workers cannot take."""

_log = logging.getLogger(__name__)


def make_room(client: Redis, database: Database) -> int:
    """Move batches to Postgres, the oldest first, until Redis has room; how many."""
    moved = 0
    for batch_id in _batches_in_the_way(client):
        if client.exists(keys.lease(batch_id)):
            continue
        _move_to_postgres(database, seize(client, batch_id))
        moved += 1
        if not _is_refusing(client) and not _is_nearly_full(client):
            break
    if moved:
        _log.warning("Redis is full: %d batches were moved to Postgres", moved)
    return moved


def _batches_in_the_way(client: Redis) -> list[str]:
    if _is_refusing(client):
        return keys.decode_ids(client.zrange(keys.BATCHES, 0, -1))
    if _is_nearly_full(client):
        # Those that workers would have taken if they could.
        until = time.time() - UNTOUCHED_SECONDS
        return keys.decode_ids(client.zrangebyscore(keys.BATCHES, "-inf", until))
    return []


def _is_refusing(client: Redis) -> bool:
    # The mark that the sweeper leaves anyway is the write that tells.
    try:
        client.set(keys.SWEEPER, "works", ex=SWEEPER_SILENCE_SECONDS)
    except OutOfMemoryError:
        return True
    return False


def _is_nearly_full(client: Redis) -> bool:
    memory: dict[str, int] = client.info("memory")
    return 0 < memory.get("maxmemory", 0) * ROOMY < memory["used_memory"]


def _move_to_postgres(database: Database, batch: TakenBatch) -> None:
    if batch.entries:
        # What has ended workers may end the sweeper: it is not given all its tries again.
        rows = min(batch.attempts, ATTEMPTS_TOGETHER + ATTEMPTS_ALONE - 1), *pending_columns(batch.entries)
        database.run(lambda connection: connection.execute(statements.STORE_PENDING_FROM_REDIS, rows))
    batch.discard()
