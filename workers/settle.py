"""Settle: entries in, each with exactly one outcome committed. A bad push never takes its batch-mates down."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection
from rq.timeouts import BaseTimeoutException

from ingest.entry import Entry
from ingest.errors import PostgresAwayError, describe
from workers import statements
from workers.normalise import dead, duplicate, normalise
from workers.postgres import Database
from workers.rows import Normalised, PushRow
from workers.write import write

REDELIVERY_WINDOW = timedelta(days=1)
"""The same bytes within a day are the vendor's retry; later they are taken for a push of their own."""

_log = logging.getLogger(__name__)


def settle(database: Database, entries: Sequence[Entry], *, through_redis: bool = True) -> None:
    """Normalise and write all entries in one transaction; one by one if something in them cannot be written.
    `through_redis`: whether they came in a batch, or are pending in Postgres.

    Raises PostgresAwayError when Postgres is, and RQ's time-out when normalising has had its time.
    """
    if failure := _try(database, entries, through_redis):
        _log.warning("a batch of %d is settled push by push: %s", len(entries), failure)
        # If that takes longer than the job has, another job goes on from here.
        for entry in unsettled(database, entries) if through_redis else entries:
            settle_alone(database, entry, through_redis=through_redis)


def settle_alone(database: Database, entry: Entry, *, through_redis: bool = True) -> None:
    """Settle one entry in a transaction of its own; what cannot be written becomes a dead letter."""
    if failure := _try(database, [entry], through_redis):
        bury(database, entry, f"could not be normalised: {failure}", through_redis=through_redis)


def _try(database: Database, entries: Sequence[Entry], through_redis: bool) -> str | None:
    """Settle entries; if something in them is at fault, what it was, in words fit for a log.

    Words rather than an exception: whatever is raised while one is handled carries it, text and all, into RQ's log.
    """
    try:
        normalised = [normalise(entry) for entry in sorted(entries, key=lambda entry: entry.push_id)]
        database.run(lambda connection: write(connection, _marked(connection, normalised), through_redis=through_redis))
    except (PostgresAwayError, BaseTimeoutException):
        raise
    except Exception as error:
        return describe(error)
    return None


def bury(database: Database, entry: Entry, why: str, *, through_redis: bool = True) -> None:
    """Record an entry as a dead letter."""
    _log.warning("push %s is dead: %s", entry.uuid, why)
    database.run(lambda connection: write(connection, [dead(entry, why)], through_redis=through_redis))


def unsettled(database: Database, entries: Sequence[Entry]) -> list[Entry]:
    """Those entries of a batch that have no outcome yet."""
    where = {"times": [entry.received_at for entry in entries], "push_ids": [entry.uuid for entry in entries]}
    found = database.run(lambda connection: connection.execute(statements.FIND_SETTLED_PUSHES, where).fetchall())
    settled = {push_id for (push_id,) in found}
    return [entry for entry in entries if entry.uuid not in settled]


def _marked(connection: Connection[tuple[Any, ...]], normalised: Sequence[Normalised]) -> list[Normalised]:
    """The same, but what was normalised before, or is twice among them, as duplicates."""
    pushes = {one.push.push_id: one.push for one in normalised if one.push.status == "normalised"}
    identities = {push_id: _identity(push) for push_id, push in pushes.items()}
    deliveries = _normalised_deliveries(connection, pushes.values(), identities.values()) if pushes else {}
    marked = []
    for one in normalised:
        push = pushes.get(one.push.push_id)
        if push is None:
            marked.append(one)
            continue
        same = deliveries.setdefault(identities[push.push_id], {})
        if any(_is_redelivery(push, push_id, received_at) for push_id, received_at in same.items()):
            marked.append(duplicate(one))
        else:
            same[push.push_id] = push.received_at
            marked.append(one)
    return marked


_Identity = tuple[str, str, bytes]


def _identity(push: PushRow) -> _Identity:
    return push.source, push.kind, hashlib.sha256(push.body).digest()


def _is_redelivery(push: PushRow, push_id: UUID, received_at: datetime) -> bool:
    return push_id != push.push_id and abs(received_at - push.received_at) <= REDELIVERY_WINDOW


def _normalised_deliveries(
    connection: Connection[tuple[Any, ...]], pushes: Collection[PushRow], identities: Iterable[_Identity]
) -> dict[_Identity, dict[UUID, datetime]]:
    """What of the same bytes is normalised already: by identity, the push ids and when they came."""
    times = [push.received_at for push in pushes]
    found = connection.execute(
        statements.FIND_NORMALISED_DELIVERIES_OF_DIGESTS,
        {
            "digests": [digest for _, _, digest in identities],
            "since": min(times) - REDELIVERY_WINDOW,
            "until": max(times) + REDELIVERY_WINDOW,
        },
    )
    deliveries: dict[_Identity, dict[UUID, datetime]] = {}
    for source, kind, digest, push_id, received_at in found:
        deliveries.setdefault((source, kind, digest), {})[push_id] = received_at
    return deliveries
