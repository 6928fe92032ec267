"""Late: a first delivery that was settled after the vendor's retry of it. Its rows end as if it had come in time.

What the retry has told counts as told when the first delivery came; so what other pushes told between the two is the
newer news, and is told again from their raw bytes. A vendor's time that was in the future when the first delivery came
may be believed of the retry: that is taken back. In a transaction of its own, as it locks rows of every table.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import Any
from uuid import UUID

from psycopg import Connection

from ingest.batch.entry import Entry, body_digest, stored_entry
from ingest.batch.push_ids import received_at_of
from ingest.kinds.kind import Ids
from ingest.kinds.told_at import AHEAD
from ingest.opening.openers import normalise
from ingest.tables import TABLE_OF, TABLES, sql
from ingest.tables.rows import Normalised, Row
from ingest.tables.table import KEPT_FROM, PUSH_ID, RECEIVED_AT, Key, Table
from workers import statements
from workers.attempts import Attempt
from workers.merge import merge
from workers.redeliveries import (
    REDELIVERY_WINDOW,
    Delivery,
    delivery_of,
    find_same,
    lock_near_midnight,
    recurred,
    window_of,
)
from workers.settlements import parameters
from workers.write import OvertakenError, is_duplicate, upsert, write_push

MOST_BETWEEN = 5_000
"""Pushes that are read again for what they told, of all kinds and then of the late one's own. A call has a handful; of
a workflow whose newest five thousand pushes name nothing an older name is not looked for, as its row is locked."""

_Connection = Connection[tuple[Any, ...]]


def write_late(connection: _Connection, late: Normalised, attempt: Attempt) -> str:
    """Write the first delivery, mark its retries as duplicates, and settle what came between; the caller commits.

    Returns its outcome: where an earlier delivery was settled meanwhile, this one is a retry itself. Raises
    OvertakenError if another worker has found an earlier delivery meanwhile, which it is about to write.
    """
    lock_near_midnight(connection, [late])
    if is_duplicate(connection, [late.push]):
        return "duplicate"  # its retries are that worker's to mark
    others, same = find_same(connection, late)
    if (earliest := min(others, default=delivery_of(late))) < delivery_of(late):
        write_push(connection, late.push._replace(status="duplicate"), attempt)
        _judge_again(connection, late, attempt, earliest, delivery_of(late))
        return "duplicate"
    retries = {one for one in others if one > delivery_of(late)}
    if retries:
        where = [[moment for moment, _ in retries], [push_id for _, push_id in retries]]
        connection.execute(statements.MARK_AS_DUPLICATES, [*parameters(attempt), *where])
        _judge_again(connection, late, attempt, delivery_of(late), max(retries))
    first = recurred(late, {one: number for one, number in same.items() if one not in retries})
    write_push(connection, first, attempt)
    if is_duplicate(connection, [late.push]):
        raise OvertakenError
    _write_rows(connection, late, retries)
    return late.push.status


def _judge_again(connection: _Connection, late: Normalised, attempt: Attempt, first: Delivery, retry: Delivery) -> None:
    """Make those duplicates pending that may have been taken for retries of a retry, and are too far from the first
    delivery to be retries of that: one of them may be news."""
    window = window_of(late)
    where = [first[0] + window, retry[0] + window, body_digest(late.push.body), late.push.source, late.push.kind]
    connection.execute(statements.MAKE_DUPLICATES_PENDING, [*parameters(attempt), *where])


def _write_rows(connection: _Connection, late: Normalised, retries: set[Delivery]) -> None:
    rows: list[Any] = list(late.rows)
    # A row whose version is made of the vendor's time is the same from every delivery: there is nothing to put right.
    by_arrival = [row for row in late.rows if row.push_id == late.push.push_id]
    classes = set(map(type, by_arrival))
    retry_ids = {row.push_id for retry in retries for row in _told_by(late, retry)}
    for table, key in _in_lock_order(late.rows):
        if table.is_history:
            # The retries have told the same, in rows of their own.
            connection.execute(sql.forget_told(table).encode(), (*key[:-1], list(retry_ids)))
        elif (stored := connection.execute(sql.lock(table).encode(), key).fetchone()) and table.row in classes:
            retold, rest = _without(table, stored, retry_ids, late.push.push_id)
            rows.append(rest)
            connection.execute(sql.forget_version(table).encode(), (retold, *key))
    if retries:
        rows += _told_between(connection, late, by_arrival, max(retries))
    upsert(connection, merge(rows))


def _in_lock_order(rows: Iterable[Row]) -> Iterator[tuple[Table, Key]]:
    keys = {(TABLE_OF[type(row)], TABLE_OF[type(row)].key_of(row)) for row in rows}
    return ((table, key) for table in TABLES for key in sorted(key for other, key in keys if other is table))


def _told_by(late: Normalised, retry: Delivery) -> tuple[Row, ...]:
    push = late.push
    received_at, push_id = retry
    return normalise(stored_entry(push_id, received_at, push.source, push.kind, push.body, push.signature)).rows


def _versions_of(table: Table, stored: tuple[Any, ...]) -> dict[str, UUID]:
    """Which push told each column of a stored row that is not empty."""
    kept = {lead: UUID(push_id) for lead, push_id in json.loads(stored[KEPT_FROM] or "{}").items()}
    leads = (lead for lead, places in table.places if stored[places[0]] is not None)
    return {lead: kept.get(lead, stored[PUSH_ID]) for lead in leads}


def _without(
    table: Table, stored: tuple[Any, ...], retries: set[UUID], first: UUID
) -> tuple[list[str], tuple[Any, ...]]:
    """The columns that the retries told, and the stored row without them: the first delivery's own row tells them."""
    versions = _versions_of(table, stored)
    retold = [lead for lead, version in versions.items() if version in retries]
    row, places = list(stored), dict(table.places)
    for lead in retold:
        del versions[lead]
        for place in places[lead]:
            row[place] = None
    newest = max([first if stored[PUSH_ID] in retries else stored[PUSH_ID], *versions.values()])
    row[RECEIVED_AT], row[PUSH_ID] = received_at_of(newest), newest
    row[KEPT_FROM] = {lead: version for lead, version in versions.items() if version != newest} or None
    return retold, table.make(row)


def _told_between(connection: _Connection, late: Normalised, told: list[Row], last_retry: Delivery) -> Iterator[Row]:
    """What other pushes told of the things of these rows, after the first delivery and before its last retry."""
    push = late.push._asdict()
    where = {name: push[name] for name in ("source", "kind", *Ids._fields)}
    where |= {"since": late.push.received_at, "until": last_retry[0], "most": MOST_BETWEEN}
    by_ids: defaultdict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in told:
        # Of a history no other push tells the same row.
        if not TABLE_OF[type(row)].is_history:
            by_ids[_found_by(TABLE_OF[type(row)])].append(row)
    for ids, rows in by_ids.items():
        # What was told at the vendor's time may have come before the one, or after the other.
        is_told_at = any(TABLE_OF[type(row)].is_told_at for row in rows)
        around = {"since": where["since"] - AHEAD, "until": where["until"] + REDELIVERY_WINDOW} if is_told_at else {}
        yield from _told_again(connection, ids, where | around, rows)


def _found_by(table: Table) -> tuple[str, ...]:
    """What the pushes have in common that tell of a table's row: a call, or a person, is enough of its key. Of what has
    none of the ids in its key, as a session, one kind of push tells alone."""
    ids = tuple(name for name in Ids._fields if name in table.key) or ("kind",)
    return next(((name,) for name in ("call_id", "callee_number") if name in ids), ids)


def _told_again(connection: _Connection, ids: tuple[str, ...], where: dict[str, Any], rows: list[Row]) -> Iterator[Row]:
    """The rows of these keys, from the newest push back to the one with which all is told that these rows tell."""
    untold = {(*_key_of(row), lead) for row in rows for lead in _leads(row)}
    keys = set(map(_key_of, rows))
    # A rare kind alone tells some columns, such as a workflow's status: a frequent one must not use up the bound.
    for named in (ids, (*ids, "kind")):
        kinds = []
        with closing(_pushes_between(connection, named, where)) as pushes:
            for one in pushes:
                kinds.append(one.kind)
                for row in normalise(one).rows:
                    if _key_of(row) in keys:
                        yield row
                        if not TABLE_OF[type(row)].is_told_at:  # no older push can tell anything newer
                            untold -= {(*_key_of(row), lead) for lead in _leads(row)}
                if not untold:
                    return
        if len(kinds) < where["most"] or set(kinds) == {where["kind"]}:
            return


def _pushes_between(connection: _Connection, ids: tuple[str, ...], where: dict[str, Any]) -> Generator[Entry]:
    with connection.cursor(name="told_between") as cursor:
        for found in cursor.execute(statements.find_pushes_between(ids).encode(), where):
            yield stored_entry(*found)


def _key_of(row: Row) -> tuple[type, Key]:
    return type(row), TABLE_OF[type(row)].key_of(row)


def _leads(row: Row) -> Iterator[str]:
    """The columns of which a row says something."""
    return (lead for lead, places in TABLE_OF[type(row)].places if row[places[0]] is not None)
