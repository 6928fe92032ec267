"""The declarations of tables, and the SQL that is derived from them."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import Connection

from ingest.tables import TABLES
from ingest.tables.__main__ import generated
from ingest.tables.table import KEPT_FROM, PUSH_ID, RECEIVED_AT, Table
from tests.sources import ROOT

Rows = Connection[dict[str, Any]]

NAMES = [table.name for table in TABLES]


def test_generated_sql_is_checked_in() -> None:
    """What reviewers read is what runs; `python -m ingest.tables > ingest/tables/generated.sql` prints it again."""
    assert (ROOT / "ingest/tables/generated.sql").read_text() == generated()


@pytest.mark.parametrize("table", TABLES, ids=NAMES)
def test_declaration_is_the_table(connection: Rows, table: Table) -> None:
    """Columns, their types and the key are those of schema.sql; what Postgres computes is not written."""
    columns = connection.execute(
        "SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute "
        "WHERE attrelid = %s::text::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
        [f"airudder.{table.name}"],
    )
    types = {"timestamptz": "timestamp with time zone"}
    declared = {name: types.get(type_name, type_name) for name, type_name in table.types.items()}
    assert {row["attname"]: row["type"] for row in columns} == declared
    key = connection.execute(
        "SELECT array_agg(attname::text) AS columns FROM pg_index JOIN pg_attribute ON attrelid = indrelid "
        "WHERE indrelid = %s::text::regclass AND indisprimary AND attnum = ANY (indkey)",
        [f"airudder.{table.name}"],
    ).fetchone()
    assert key
    assert set(key["columns"]) == set(table.key)


@pytest.mark.parametrize("table", TABLES, ids=NAMES)
def test_push_may_be_silent_about_any_column(connection: Rows, table: Table) -> None:
    """But for the key and the version: what one kind of push tells of, another one does not know."""
    needed = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::text::regclass AND attnum > 0 AND attnotnull",
        [f"airudder.{table.name}"],
    )
    assert {row["attname"] for row in needed} == {*table.key, "received_at", "push_id"}


@pytest.mark.parametrize("table", TABLES, ids=NAMES)
def test_version_has_its_place(table: Table) -> None:
    """The merge knows a row's version by its place."""
    assert [table.columns[place] for place in (RECEIVED_AT, PUSH_ID, KEPT_FROM)] == [
        "received_at",
        "push_id",
        "kept_from",
    ]
