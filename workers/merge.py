"""Merge: what many pushes tell in; for each table one row a key, sorted by key, out. Pure.

One statement must not meet a key twice, and two workers that write the same keys in the same order cannot deadlock.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Any
from uuid import UUID

from ingest.tables import TABLES
from ingest.tables.rows import Row
from ingest.tables.table import KEPT_FROM, PUSH_ID, Key, Table

Merged = list[tuple[Table, list[tuple[Any, ...]]]]
"""The rows of each table that has any, tables in the order in which they are written"""


def merge(rows: Iterable[Row]) -> Merged:
    """Bring the rows of many pushes together."""
    by_class: dict[type, list[tuple[Any, ...]]] = {table.row: [] for table in TABLES}
    for row in rows:
        by_class[type(row)].append(row)
    return [(table, _one_a_key(table, told)) for table in TABLES if (told := by_class[table.row])]


def _one_a_key(table: Table, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    key_of, end_of_key = table.key_of, table.end_of_key
    found: dict[Key, tuple[Any, ...]] = dict(zip(map(key_of, rows), rows, strict=True))
    if len(found) == len(rows):  # of most tables
        return [found[key] for key in sorted(found)]
    found.clear()
    for row in rows:
        key = key_of(row)
        other = found.setdefault(key, row)
        if other is row:
            continue
        # Of a workflow or node each push tells, and most say the same.
        if _says_as_much(row, other, end_of_key) and row[PUSH_ID] >= other[PUSH_ID]:
            found[key] = row
        else:
            found[key] = newer_of(table, other, row)
    return [found[key] for key in sorted(found)]


def _says_as_much(row: tuple[Any, ...], other: tuple[Any, ...], end_of_key: int) -> bool:
    columns = row[end_of_key:KEPT_FROM]
    return row[KEPT_FROM] is None and (None not in columns or columns == other[end_of_key:KEPT_FROM])


def newer_of(table: Table, one: tuple[Any, ...], other: tuple[Any, ...]) -> tuple[Any, ...]:
    """One row of two with the same key: each column as the newer push that says something of it has it."""
    older, newer = sorted((one, other), key=itemgetter(PUSH_ID))
    merged, kept_from = list(newer), {}
    for lead, places in table.places:
        told = [row for row in (older, newer) if row[places[0]] is not None]
        if not told:
            continue
        said_by = max(told, key=lambda row: _version(row, lead))
        for place in places:
            merged[place] = said_by[place]
        if (version := _version(said_by, lead)) != newer[PUSH_ID]:
            kept_from[lead] = version
    merged[KEPT_FROM] = kept_from or None
    return table.make(merged)


def _version(row: tuple[Any, ...], lead: str) -> UUID:
    """The push that a column is from."""
    version: UUID = row[PUSH_ID]
    return version if row[KEPT_FROM] is None else row[KEPT_FROM].get(lead, version)
