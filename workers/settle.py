"""Settle: entries in, each with exactly one outcome committed. A bad push never takes its batch-mates down."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from psycopg.errors import UniqueViolation
from rq.timeouts import BaseTimeoutException

from ingest.entry import Entry
from ingest.errors import PostgresAwayError, describe
from workers import statements
from workers.merge import Tables, merge
from workers.normalise import dead, normalise
from workers.postgres import Database
from workers.write import write, write_by_copy

COPY_FROM = 50
"""Pushes: for fewer, the statements of a COPY cost more than they save."""

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
        tables = merge([normalise(entry) for entry in entries])
        if not (through_redis and len(entries) >= COPY_FROM and _copied(database, tables)):
            database.run(lambda connection: write(connection, tables, through_redis=through_redis))
    except (PostgresAwayError, BaseTimeoutException):
        raise
    except Exception as error:
        return describe(error)
    return None


def _copied(database: Database, tables: Tables) -> bool:
    """Write a batch by COPY; false, and nothing is written, if something of it that was new is there after all."""
    try:
        database.run(lambda connection: write_by_copy(connection, tables))
    except UniqueViolation:
        return False
    return True


def bury(database: Database, entry: Entry, why: str, *, through_redis: bool = True) -> None:
    """Record an entry as a dead letter."""
    _log.warning("push %s is dead: %s", entry.uuid, why)
    tables = merge([dead(entry, why)])
    database.run(lambda connection: write(connection, tables, through_redis=through_redis))


def unsettled(database: Database, entries: Sequence[Entry]) -> list[Entry]:
    """Those entries of a batch that have no outcome yet."""
    where = {"times": [entry.received_at for entry in entries], "push_ids": [entry.uuid for entry in entries]}
    found = database.run(lambda connection: connection.execute(statements.FIND_SETTLED_PUSHES, where).fetchall())
    settled = {push_id for (push_id,) in found}
    return [entry for entry in entries if entry.uuid not in settled]
