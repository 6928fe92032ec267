"""Copy: rows that are new go in by COPY, which costs less than an upsert; a key that is there after all makes it fail.

Not callees and cases: what a COPY that failed for its key leaves in Postgres's log would be telephone numbers. The key
of answers has one too, but those of a case that this transaction has made cannot be there.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from types import NoneType
from typing import Any, NamedTuple, get_args, get_type_hints
from uuid import UUID

from psycopg import Connection, sql
from psycopg.copy import LibpqWriter
from psycopg.types.json import set_json_dumps

from workers.rows import AnswerRow, AttributesRow, CallRow, Json, PushRow, TurnRow

_TYPES = {
    bool: "bool",
    bytes: "bytea",
    datetime: "timestamptz",
    int: "int4",
    Json: "jsonb",
    str: "text",
    timedelta: "interval",
    UUID: "uuid",
}


class CopiedTable(NamedTuple):
    """The statement that copies into a table, and the types of its columns."""

    statement: sql.Composed
    types: list[str]


def _table(name: str, row: type[tuple[Any, ...]], **more: type) -> CopiedTable:
    columns = {**get_type_hints(row), **more}
    statement = sql.SQL("COPY airudder.{} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    return CopiedTable(statement, [_type_of(annotation) for annotation in columns.values()])


def _type_of(annotation: Any) -> str:
    (one,) = (part for part in get_args(annotation) or [annotation] if part is not NoneType)
    return _TYPES[one]


PUSHES = _table("pushes", PushRow, through_redis=bool, attempts=int, normalised_at=datetime)
ANSWERS = _table("case_answers", AnswerRow)
CALLS = _table("calls", CallRow, transcript_received_at=datetime, transcript_push_id=UUID)
ATTRIBUTES = _table("call_attributes", AttributesRow)
TURNS = _table("call_turns", TurnRow)


class _Writer(LibpqWriter):
    def finish(self, exc: BaseException | None = None) -> None:
        # psycopg's own would tell Postgres the exception's text, for its log, and wait for an answer that a frozen
        # server never gives.
        if exc:
            self.connection.close()
        else:
            super().finish()


def copy(connection: Connection[Any], table: CopiedTable, rows: Collection[tuple[Any, ...]]) -> None:
    """Write rows whose keys are not there. Raises UniqueViolation if one is; waits for another worker that is about to
    write one."""
    if not rows:
        return
    cursor = connection.cursor()
    set_json_dumps(str, cursor)  # rows hold JSON as text already
    with cursor.copy(table.statement, writer=_Writer(cursor)) as copying:
        copying.set_types(table.types)
        for row in rows:
            copying.write_row(row)
