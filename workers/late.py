"""Late: a first delivery that was settled after the vendor's retry of it. Its rows end as if it had come in time.

What the retry has told counts as told when the first delivery came; so what other pushes told between the two is the
newer news, and is told again from their raw bytes. In a transaction of its own, as it locks rows of every table.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from ingest.entry import stored_entry
from ingest.push_ids import received_at_of
from ingest.tables import TABLE_OF, TABLES
from ingest.tables.rows import NodeRow, Normalised, Row, WorkflowRow
from ingest.tables.table import KEPT_FROM, PUSH_ID, RECEIVED_AT, Key, Table
from workers import statements
from workers.merge import merge
from workers.normalise import normalise
from workers.redeliveries import find_deliveries
from workers.write import upsert, upsert_pushes

_Connection = Connection[tuple[Any, ...]]


def write_late(connection: _Connection, late: Normalised, *, through_redis: bool) -> None:
    """Write the first delivery, mark its retries as duplicates, and settle what came between; the caller commits."""
    push = late.push
    retries = _retries_of(connection, late)
    where = {"times": [moment for moment, _ in retries], "push_ids": [push_id for _, push_id in retries]}
    connection.execute(statements.MARK_AS_DUPLICATES, where)
    upsert_pushes(connection, [push], through_redis=through_redis)
    keys = {(type(row), TABLE_OF[type(row)].key_of(row)) for row in late.rows}
    rows: list[Any] = list(late.rows)
    for table, key in _in_lock_order(late.rows):
        if stored := connection.execute(table.lock.encode(), key).fetchone():
            rows.append(_told_by_first(table, stored, {push_id for _, push_id in retries}, push.push_id))
            connection.execute(table.forget_version.encode(), key)
    if retries:
        rows += _told_between(connection, late, max(retries)[0])
    upsert(connection, merge(row for row in rows if (type(row), TABLE_OF[type(row)].key_of(row)) in keys))


def _retries_of(connection: _Connection, late: Normalised) -> list[tuple[datetime, UUID]]:
    first = (late.push.received_at, late.push.push_id)
    same = find_deliveries(connection, [late.push]).get((late.push.source, late.push.kind, late.push.body), set())
    return sorted(one for one in same if one > first)


def _in_lock_order(rows: Iterable[Row]) -> Iterator[tuple[Table, Key]]:
    by_table = {type(row): row for row in rows}
    return ((table, table.key_of(by_table[table.row])) for table in TABLES if table.row in by_table)


def _told_by_first(table: Table, stored: tuple[Any, ...], retries: set[UUID], first: UUID) -> tuple[Any, ...]:
    """A stored row, as if the first delivery had told what the retries did."""
    kept = {lead: UUID(push_id) for lead, push_id in json.loads(stored[KEPT_FROM] or "{}").items()}
    told = [lead for lead, places in table.places if stored[places[0]] is not None]
    versions = {lead: kept.get(lead, stored[PUSH_ID]) for lead in told}
    versions = {lead: first if version in retries else version for lead, version in versions.items()}
    newest = max([first if stored[PUSH_ID] in retries else stored[PUSH_ID], *versions.values()])
    row = list(stored)
    row[RECEIVED_AT], row[PUSH_ID] = received_at_of(newest), newest
    row[KEPT_FROM] = {lead: version for lead, version in versions.items() if version != newest} or None
    return table.make(row)


def _told_between(connection: _Connection, late: Normalised, until: datetime) -> Iterator[Row]:
    """What other pushes told, after the first delivery and before its last retry, of the same call, callee, case,
    workflow and node; and of others."""
    push = late.push
    where = {
        "since": push.received_at,
        "until": until,
        "source": push.source,
        "call_id": push.call_id,
        "callee_number": push.callee_number,
    }
    for found in connection.execute(statements.FIND_PUSHES_BETWEEN, where).fetchall():
        yield from normalise(stored_entry(*found)).rows
    where |= {"workflow_id": push.workflow_id, "node_id": None}
    yield from _names_between(connection, where, WorkflowRow)
    if push.node_id:
        yield from _names_between(connection, where | {"node_id": push.node_id}, NodeRow)


def _names_between(connection: _Connection, where: dict[str, Any], kind: type[WorkflowRow | NodeRow]) -> Iterator[Row]:
    """What was told between the two deliveries, from the newest back to the first that has a name."""
    with connection.cursor(name="names_between") as cursor:
        for found in cursor.execute(statements.FIND_PUSHES_OF_NODE_BETWEEN, where):
            (row,) = (row for row in normalise(stored_entry(*found)).rows if isinstance(row, kind))
            yield row
            if row.name is not None:
                return
