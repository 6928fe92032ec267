"""The ceiling of writing: rows that are ready, and cannot conflict, by COPY in binary into the same tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql
from psycopg.types.json import Jsonb

from ingest.tables.rows import Normalised, PushRow
from workers.merge import merge

_TYPES = """
SELECT attname::text, atttypid::regtype::text FROM pg_attribute WHERE attrelid = %s::text::regclass AND attnum > 0
"""
_SHARED = ("workflows", "nodes")
"""What every batch writes anew: copied once, as it would conflict"""


@dataclass(frozen=True)
class ReadyTable:
    """One table's share of a batch: the statement, its columns' types, and rows that need no more thought."""

    statement: sql.Composed
    types: list[str]
    rows: list[tuple[Any, ...]]


def prepare(connection: Connection[Any], batch: Sequence[Normalised]) -> list[ReadyTable]:
    """Make a batch ready for `copy`; its workflows and nodes are written at once."""
    rows: dict[str, tuple[Sequence[str], Iterable[tuple[Any, ...]]]] = {
        "pushes": (
            [*PushRow._fields, "through_redis", "attempts", "normalised_at"],
            [(*one.push, True, 1, one.push.received_at) for one in batch],
        ),
    }
    rows |= {table.name: (table.columns, told) for table, told in merge(row for one in batch for row in one.rows)}
    ready = {table: _ready(connection, table, *columns_and_rows) for table, columns_and_rows in rows.items()}
    for table in _SHARED:
        one = ready.pop(table)
        if not connection.execute(sql.SQL("SELECT FROM {}").format(sql.Identifier("airudder", table))).rowcount:
            copy(connection, [one])
    return list(ready.values())


def copy(connection: Connection[Any], batch: list[ReadyTable]) -> None:
    """Write the rows of one batch; the caller commits."""
    for table in batch:
        with connection.cursor().copy(table.statement) as copying:
            copying.set_types(table.types)
            for row in table.rows:
                copying.write_row(row)


def _ready(
    connection: Connection[Any], table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]
) -> ReadyTable:
    known = dict(connection.execute(_TYPES, [f"airudder.{table}"]).fetchall())
    types = [known[column] for column in columns]
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier("airudder", table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    return ReadyTable(statement, types, [tuple(map(_typed, row, types)) for row in rows])


def _typed(value: Any, type_name: str) -> Any:
    # Rows hold JSON as text already.
    return Jsonb(value, dumps=str) if type_name == "jsonb" and value is not None else value
