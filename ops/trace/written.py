"""The rows that a push has written, and which of their columns are still from it: looked up by their keys.

The push is normalised again for its keys. So what is told is what it comes to now, also where the normaliser has
changed since.
"""
# ruff: noqa: S608 - the SQL is built of the declarations alone

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from ingest.batch.entry import stored_entry
from ingest.errors import UnknownKindError
from ingest.opening.openers import normalise
from ingest.tables import TABLE_OF
from ingest.tables.rows import Normalised
from ingest.tables.table import PUSH_ID, Key, Table
from ops.queries import Row


class Written(NamedTuple):
    """One row that a push tells of."""

    push_id: UUID
    table: Table
    key: Mapping[str, str]
    columns: list[str]
    """Those that are from this push"""
    newer: dict[UUID, list[str]]
    """By newer push, those that it has told since"""
    is_there: bool


def rows_written(connection: Connection[Row], bodies: Iterable[Row]) -> list[Written]:
    """The rows of normalised pushes. `bodies`: of each push_id, received_at, source, kind, body and signature."""
    told = [(one.push.push_id, row) for one in _normalised(bodies) for row in one.rows]
    keys: defaultdict[Table, set[Key]] = defaultdict(set)
    for _, row in told:
        table = TABLE_OF[type(row)]
        keys[table].add(table.key_of(row))
    stored = {table: _stored(connection, table, wanted) for table, wanted in keys.items()}
    return [_written(push_id, TABLE_OF[type(row)], row, stored[TABLE_OF[type(row)]]) for push_id, row in told]


def _normalised(bodies: Iterable[Row]) -> Iterator[Normalised]:
    for one in bodies:
        try:
            yield normalise(stored_entry(**{**one, "body": bytes(one["body"])}))
        except (UnknownKindError, OSError):  # a newer release took it, or the file with its key is away
            continue


def _stored(connection: Connection[Row], table: Table, keys: Iterable[Key]) -> dict[Key, Row]:
    names = ", ".join(table.key)
    arrays = ", ".join(f"%s::{table.types[name]}[]" for name in table.key)
    statement = f"""SELECT {names}, push_id, kept_from FROM airudder.{table.name}
      JOIN unnest({arrays}) AS told ({names}) USING ({names})"""
    found = connection.execute(statement.encode(), [list(column) for column in zip(*keys, strict=True)])
    return {tuple(row[name] for name in table.key): row for row in found}


def _written(push_id: UUID, table: Table, row: tuple[Any, ...], stored: Mapping[Key, Row]) -> Written:
    key = table.key_of(row)
    there = stored.get(key)
    columns: list[str] = []
    newer: defaultdict[UUID, list[str]] = defaultdict(list)
    if there:
        kept = there["kept_from"] or {}
        for lead, places in table.places:
            if row[places[0]] is None:
                continue
            version = UUID(str(kept.get(lead, there["push_id"])))
            if version == row[PUSH_ID]:
                columns.append(lead)
            else:
                newer[version].append(lead)
    return Written(push_id, table, dict(zip(table.key, map(str, key), strict=True)), columns, newer, there is not None)
