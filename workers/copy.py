"""Copy: rows of `pushes` go in by COPY, which costs less than an upsert; a key that is there makes it fail as a whole.

No other table is copied: a COPY that meets its key is an error in Postgres's log, and of a call or a callee that is
there already nothing is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, get_type_hints

from psycopg import Connection
from psycopg.copy import LibpqWriter
from psycopg.types.json import set_json_dumps

from ingest.tables.rows import PushRow
from ingest.tables.table import type_of

_COLUMNS = {**get_type_hints(PushRow), "through_redis": bool, "attempts": int, "normalised_at": datetime}
_TYPES = [type_of(annotation) for annotation in _COLUMNS.values()]
_STATEMENT = f"COPY airudder.pushes ({', '.join(_COLUMNS)}) FROM STDIN (FORMAT BINARY)".encode()


class _Writer(LibpqWriter):
    def finish(self, exc: BaseException | None = None) -> None:
        # psycopg's own would tell Postgres the exception's text, for its log, and wait for an answer that a frozen
        # server never gives.
        if exc:
            self.connection.close()
        else:
            super().finish()


def copy_pushes(connection: Connection[Any], rows: Iterable[tuple[Any, ...]]) -> None:
    """Write rows of `PushRow` and of `through_redis`, `attempts`, `normalised_at`. Raises UniqueViolation if a push is
    there, or another one of the same bytes is normalised; waits for another worker that is about to write one."""
    cursor = connection.cursor()
    set_json_dumps(str, cursor)  # rows hold JSON as text already
    with cursor.copy(_STATEMENT, writer=_Writer(cursor)) as copying:
        copying.set_types(_TYPES)
        for row in rows:
            copying.write_row(row)
