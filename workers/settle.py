"""Settle: entries in, each with exactly one outcome committed. A bad push never takes its batch-mates down."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
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
from workers.rows import Normalised
from workers.write import write

REDELIVERY_WINDOW = timedelta(days=1)
"""The same bytes within a day are the vendor's retry; later they are taken for a push of their own."""

_log = logging.getLogger(__name__)


def settle(database: Database, entries: Sequence[Entry]) -> None:
    """Normalise and write all entries in one transaction; one by one if something in them cannot be written.

    Raises PostgresAwayError when Postgres is, and RQ's time-out when the job has had its time.
    """
    try:
        database.run(lambda connection: write(connection, _outcomes(connection, entries)))
    except (PostgresAwayError, BaseTimeoutException):
        raise
    except Exception as error:
        _log.warning("a batch of %d is settled push by push: %s", len(entries), describe(error))
        for entry in entries:
            settle_alone(database, entry)


def settle_alone(database: Database, entry: Entry) -> None:
    """Settle one entry in a transaction of its own; what cannot be written becomes a dead letter."""
    try:
        database.run(lambda connection: write(connection, _outcomes(connection, [entry])))
    except (PostgresAwayError, BaseTimeoutException):
        raise
    except Exception as error:
        bury(database, entry, f"could not be normalised: {describe(error)}")


def bury(database: Database, entry: Entry, why: str) -> None:
    """Record an entry as a dead letter."""
    _log.warning("push %s is dead: %s", entry.uuid, why)
    database.run(lambda connection: write(connection, [dead(entry, why)]))


def one_by_one(database: Database, entries: Sequence[Entry], taking_in_hand: Callable[[Entry], None]) -> None:
    """Settle entries each alone, telling which one is about to be taken in hand: it may be our last word."""
    for entry in entries:
        taking_in_hand(entry)
        settle_alone(database, entry)


def _outcomes(connection: Connection[tuple[Any, ...]], entries: Sequence[Entry]) -> list[Normalised]:
    deliveries = _normalised_deliveries(connection, entries)
    outcomes = []
    for entry in sorted(entries, key=lambda entry: entry.push_id):
        same = deliveries.setdefault(_identity(entry), {})
        if any(_is_redelivery(entry, push_id, received_at) for push_id, received_at in same.items()):
            outcomes.append(duplicate(entry))
            continue
        one = normalise(entry)
        if one.push.status == "normalised":
            same[entry.uuid] = entry.received_at
        outcomes.append(one)
    return outcomes


_Identity = tuple[str, str, bytes]


def _identity(entry: Entry) -> _Identity:
    return entry.source, entry.kind, hashlib.sha256(entry.body).digest()


def _is_redelivery(entry: Entry, push_id: UUID, received_at: datetime) -> bool:
    return push_id != entry.uuid and abs(received_at - entry.received_at) <= REDELIVERY_WINDOW


def _normalised_deliveries(
    connection: Connection[tuple[Any, ...]], entries: Sequence[Entry]
) -> dict[_Identity, dict[UUID, datetime]]:
    """What of the same bytes is normalised already: by identity, the push ids and when they came."""
    times = [entry.received_at for entry in entries]
    found = connection.execute(
        statements.FIND_NORMALISED_DELIVERIES_OF_DIGESTS,
        {
            "digests": [_identity(entry)[2] for entry in entries],
            "since": min(times) - REDELIVERY_WINDOW,
            "until": max(times) + REDELIVERY_WINDOW,
        },
    )
    deliveries: dict[_Identity, dict[UUID, datetime]] = {}
    for source, kind, digest, push_id, received_at in found:
        deliveries.setdefault((source, kind, digest), {})[push_id] = received_at
    return deliveries
