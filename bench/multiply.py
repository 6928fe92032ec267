"""Multiply: stored pushes in, millions of them with keys of their own out, for measuring in tables that are full."""

from __future__ import annotations

from string import ascii_lowercase
from typing import Any

from psycopg import Connection, sql

_TABLES = ("pushes", "callees", "cases", "case_answers", "calls", "call_turns", "call_attributes")
_COLUMNS = """
SELECT attname::text FROM pg_attribute
WHERE attrelid = %s::text::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
"""
_OTHERS = {
    "push_id": sql.SQL("gen_random_uuid()"),
    "body": sql.SQL("body || convert_to({mark}, 'UTF8')"),
    # The beginning of a key is what spreads it: with the same one, copies lie where new pushes will be written.
    "call_id": sql.SQL("substr(call_id, 1, 9) || {mark} || substr(call_id, 12)"),
    "callee_number": sql.SQL("callee_number || {mark}"),
}


def multiply(connection: Connection[Any], calls: int) -> None:
    """Copy what is in the tables until they hold that many calls."""
    for table in _TABLES:
        names = {"table": sql.Identifier("airudder", table), "original": sql.Identifier(f"original_{table}")}
        connection.execute(sql.SQL("CREATE TEMPORARY TABLE {original} AS SELECT * FROM {table}").format(**names))
    (there,) = connection.execute("SELECT count(*) FROM original_calls").fetchone() or (0,)
    for serial in range(1, calls // there + 1):
        for table in _TABLES:
            # A letter, as the originals have digits only.
            _copy(connection, table, f"{ascii_lowercase[serial // 10]}{serial % 10}")
    connection.execute("VACUUM ANALYZE")
    connection.execute("CHECKPOINT")


def _copy(connection: Connection[Any], table: str, mark: str) -> None:
    columns = [name for (name,) in connection.execute(_COLUMNS, [f"airudder.{table}"])]
    values = [_OTHERS.get(name, sql.Identifier(name)) for name in columns]
    statement = sql.SQL("INSERT INTO {table} ({columns}) SELECT {values} FROM {original}").format(
        table=sql.Identifier("airudder", table),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        values=sql.SQL(", ").join(
            value.format(mark=sql.Literal(mark)) if isinstance(value, sql.SQL) else value for value in values
        ),
        original=sql.Identifier(f"original_{table}"),
    )
    connection.execute(statement)
