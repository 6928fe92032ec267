"""Multiply: stored pushes in, millions of them with keys of their own out, for measuring in tables that are full."""

from __future__ import annotations

from string import ascii_lowercase
from typing import Any

from psycopg import Connection, sql

_TABLES = ("pushes", "callees", "cases", "calls", "call_attributes")
_COLUMNS = """
SELECT attname::text FROM pg_attribute
WHERE attrelid = %s::text::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
"""
_OTHERS = {
    "push_id": sql.SQL("gen_random_uuid()"),
    "body": sql.SQL("body || convert_to(%(mark)s, 'UTF8')"),
    # The beginning of a key is what spreads it: with the same one, copies lie where new pushes will be written.
    "call_id": sql.SQL("substr(call_id, 1, 9) || %(mark)s::text || substr(call_id, 12)"),
    "callee_number": sql.SQL("callee_number || %(mark)s::text"),
}


def multiply(connection: Connection[Any], calls: int) -> None:
    """Copy what is in the tables until they hold that many calls."""
    statements = [_statement(connection, table) for table in _TABLES]
    (there,) = connection.execute("SELECT count(*) FROM original_calls").fetchone() or (0,)
    for serial in range(1, calls // there + 1):
        # A letter, as the originals have digits only.
        mark = f"{ascii_lowercase[serial // 10]}{serial % 10}"
        for statement in statements:
            connection.execute(statement, {"mark": mark})
    connection.execute("VACUUM ANALYZE")
    connection.execute("CHECKPOINT")


def _statement(connection: Connection[Any], table: str) -> sql.Composed:
    """Set a table's rows aside; the statement that copies them under a mark."""
    columns = [name for (name,) in connection.execute(_COLUMNS, [f"airudder.{table}"])]
    names = {"table": sql.Identifier("airudder", table), "original": sql.Identifier(f"original_{table}")}
    connection.execute(sql.SQL("CREATE TEMPORARY TABLE {original} AS SELECT * FROM {table}").format(**names))
    return sql.SQL("INSERT INTO {table} ({columns}) SELECT {values} FROM {original}").format(
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        values=sql.SQL(", ").join(_OTHERS.get(name, sql.Identifier(name)) for name in columns),
        **names,
    )
