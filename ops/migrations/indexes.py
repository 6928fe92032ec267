"""Building indexes while others read and write the tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, LiteralString

from psycopg import sql
from psycopg.errors import UndefinedTable

from ops.migrations.patience import BEGIN_SESSION, PATIENCE_SECONDS, AnyConnection, Patience

FIND_INDEX: LiteralString = """
SELECT indisvalid AS is_valid FROM pg_index WHERE indexrelid = to_regclass(%(index)s)
"""

FIND_PARTITIONS_WITHOUT: LiteralString = """
SELECT relname AS partition FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = %(table)s::regclass AND NOT EXISTS (
  SELECT FROM pg_index JOIN pg_inherits AS attached ON attached.inhrelid = indexrelid
  WHERE indrelid = pg_class.oid AND attached.inhparent = %(index)s::regclass)
ORDER BY relname
"""

IS_PARTITIONED: LiteralString = "SELECT relkind = 'p' AS is_so FROM pg_class WHERE oid = %(table)s::regclass"

_INDEX = re.compile(r"\s*CREATE INDEX CONCURRENTLY (\w+) ON airudder\.(\w+) ([^;]+);\s*")


class Indexes:
    """Builds indexes on a connection, whose session BEGIN_SESSION has set up."""

    def __init__(self, connection: AnyConnection, patience: Patience) -> None:
        self._connection = connection
        self._patience = patience

    def build(self, name: str, statement: str) -> None:
        """Build the index of one CREATE INDEX CONCURRENTLY; what of it is there already stays.

        On a partitioned table it is built partition by partition, as Postgres has no concurrent way for the whole.
        `name` is the migration's, for errors.
        """
        matched = _INDEX.fullmatch(statement)
        assert matched, f"{name}: an index step is one CREATE INDEX CONCURRENTLY name ON airudder.table …"
        index, table, definition = matched.groups()
        if not self._is_partitioned(table):
            self._build_concurrently(index, table, definition)
            return
        if not self._find_index(index):
            self._connection.execute(_create("CREATE INDEX {} ON ONLY {} ", index, table, definition))
        names = {"table": f"airudder.{table}", "index": f"airudder.{index}"}
        for row in self._connection.execute(FIND_PARTITIONS_WITHOUT, names).fetchall():
            with _unless_dropped():
                self._build_on_partition(name, index, row["partition"], definition)

    def _build_on_partition(self, name: str, index: str, partition: str, definition: str) -> None:
        own = f"{partition}_{index}"
        self._build_concurrently(own, partition, definition)
        attach = sql.SQL("ALTER INDEX {} ATTACH PARTITION {}").format(_qualified(index), _qualified(own))
        self._patience.apply(name, self._connection.execute, attach)

    def _build_concurrently(self, index: str, table: str, definition: str) -> None:
        """May wait for old transactions: while it does, others read and write as ever."""
        if (there := self._find_index(index)) and there["is_valid"]:
            return
        self._connection.execute("SELECT set_config('lock_timeout', %s, false)", [f"{PATIENCE_SECONDS}s"])
        try:
            if there:  # what was left of one that was interrupted
                self._connection.execute(sql.SQL("DROP INDEX CONCURRENTLY {}").format(_qualified(index)))
            self._connection.execute(_create("CREATE INDEX CONCURRENTLY {} ON {} ", index, table, definition))
        finally:
            self._connection.execute(BEGIN_SESSION)

    def _find_index(self, index: str) -> dict[str, Any] | None:
        return self._connection.execute(FIND_INDEX, {"index": f"airudder.{index}"}).fetchone()

    def _is_partitioned(self, table: str) -> bool:
        row = self._connection.execute(IS_PARTITIONED, {"table": f"airudder.{table}"}).fetchone()
        assert row, "the table exists"
        return bool(row["is_so"])


@contextmanager
def _unless_dropped() -> Iterator[None]:
    """Retention may drop a partition at any time, with whatever would be made on it."""
    with suppress(UndefinedTable):
        yield


def _qualified(name: str) -> sql.Identifier:
    return sql.Identifier("airudder", name)


def _create(command: LiteralString, index: str, table: str, definition: str) -> sql.Composed:
    return sql.SQL(command).format(sql.Identifier(index), _qualified(table)) + sql.SQL(definition)
