"""Write: what a batch comes to in, one transaction's statements out, in an order that all workers share.

1. `pushes`, in the order of their bodies, so that deliveries of the same bytes meet in one order;
2. the tables, in the order of `ingest.tables`, and in each the rows in the order of their keys.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from psycopg import Connection, Cursor

from ingest.tables import sql
from ingest.tables.rows import Normalised, PushRow
from ingest.tables.table import KEPT_FROM, Table
from workers import statements
from workers.arrays import Array, array_of
from workers.attempts import Attempt
from workers.copy import copy_pushes
from workers.database import pipelined
from workers.merge import Merged, merge
from workers.redeliveries import Told, tell_redeliveries
from workers.settlements import log_new, parameters

_Connection = Connection[tuple[Any, ...]]
_Cursor = Cursor[tuple[Any, ...]]


class OvertakenError(Exception):
    """A push has become a duplicate since its deliveries were looked up."""


def write(connection: _Connection, batch: Sequence[Normalised], attempt: Attempt) -> Told:
    """Write a batch by upserts; the caller commits.

    Returns what was told of it; of first deliveries that a retry has overtaken nothing is written. Raises
    UniqueViolation if another worker has normalised the same bytes meanwhile, and OvertakenError if it has found an
    earlier delivery of a push that was settled before.
    """
    told = tell_redeliveries(connection, batch, known_calls_only=False)
    # In a pipeline: while Postgres is at one table, the next one's rows are on their way.
    with pipelined(connection):
        pushes = _settle_unsettled(connection, told.pushes, attempt)
        if dead := _dead_of(told.pushes):
            connection.execute(statements.NOTE_DEATHS_IF_NOT_NOTED, [*dead[:2], dead[0]])
        upsert(connection, merge(row for one in told.news for row in one.rows))
    if pushes and pushes.rowcount < len(told.pushes):
        _settle_dead(connection, told.pushes, attempt)
        if is_duplicate(connection, [one.push for one in told.news]):
            raise OvertakenError
    return told


def is_duplicate(connection: _Connection, pushes: Sequence[PushRow]) -> bool:
    """Whether one of these pushes, whose rows this transaction has locked, is a duplicate: what it tells is no news."""
    if not pushes:
        return False  # of no times Postgres would look into all partitions
    where = {"times": [push.received_at for push in pushes], "push_ids": [push.push_id for push in pushes]}
    ((is_so,),) = connection.execute(statements.ARE_DUPLICATES, where).fetchall()
    return bool(is_so)


def write_by_copy(connection: _Connection, batch: Sequence[Normalised], attempt: Attempt) -> Told:
    """The same for a batch from Redis, its pushes by COPY, which costs less. Raises UniqueViolation also if one of
    them is there already."""
    told = tell_redeliveries(connection, batch, known_calls_only=True)
    ((now,),) = connection.execute(statements.TELL_TIME, binary=True).fetchall()
    rows = ((*push, True, 1, now if push.status == "normalised" else None) for push in told.pushes)
    copy_pushes(connection, rows)
    with pipelined(connection):
        log_new(connection, told.pushes, now, attempt)
        if dead := _dead_of(told.pushes):
            connection.execute(statements.NOTE_DEATHS, dead)
        upsert(connection, merge(row for one in told.news for row in one.rows))
    return told


def write_push(connection: _Connection, push: PushRow, attempt: Attempt) -> None:
    """Write a row of `pushes`; one that has its outcome already stays as it is, unless it was dead."""
    written = _settle_unsettled(connection, [push], attempt)
    if written and not written.rowcount:
        _settle_dead(connection, [push], attempt)


def _settle_unsettled(connection: _Connection, pushes: list[PushRow], attempt: Attempt) -> _Cursor | None:
    if not pushes:
        return None
    given = [*parameters(attempt), attempt.through_redis, *_columns(pushes)]
    # Prepared, as those of the tables are.
    return connection.execute(statements.UPSERT_PUSHES_IF_NOT_SETTLED, given, prepare=True)


def _settle_dead(connection: _Connection, pushes: list[PushRow], attempt: Attempt) -> None:
    """Do what is left where some have an outcome: an earlier run of the batch has settled them, or the sweeper, as
    they were pending too since Redis's reply was lost."""
    times, push_ids = [push.received_at for push in pushes], [push.push_id for push in pushes]
    connection.execute(statements.UPDATE_PUSHES_IF_DEAD, [*parameters(attempt), *_columns(pushes), times])
    if attempt.through_redis:
        connection.execute(statements.MARK_PUSHES_THROUGH_REDIS, [*parameters(attempt), times, push_ids])


def _columns(pushes: list[PushRow]) -> list[list[Any]]:
    return [list(column) for column in zip(*pushes, strict=True)]


def _dead_of(pushes: list[PushRow]) -> list[list[Any]]:
    """When those came that are dead, their ids, errors and places of errors; nothing if none is."""
    dead = [(push.received_at, push.push_id, push.error, push.error_path) for push in pushes if push.status == "dead"]
    return [list(column) for column in zip(*dead, strict=True)]


def upsert(connection: _Connection, merged: Merged) -> None:
    """Write the rows of each table; of one that is there the newer columns stay. Prepared, as these long statements
    cost more to plan than to execute, and their plan depends on no value."""
    for table, rows in merged:
        connection.execute(sql.upsert(table).encode(), columns_of(table, rows), prepare=True)


def columns_of(table: Table, rows: list[tuple[Any, ...]]) -> list[Array]:
    """Rows as parameters of the table's upsert."""
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
    columns[KEPT_FROM] = [
        kept and json.dumps({name: str(push) for name, push in kept.items()}) for kept in columns[KEPT_FROM]
    ]
    return list(map(array_of, columns, table.types.values()))
