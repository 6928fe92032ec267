"""The declarations of tables, and the SQL that is derived from them."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import Connection

from ingest.tables import TABLES
from ingest.tables.__main__ import generated
from ingest.tables.table import KEPT_FROM, PUSH_ID, RECEIVED_AT, VERSION, Table
from tests.analysts import analysts_view
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


@pytest.mark.parametrize("table", TABLES, ids=NAMES)
def test_every_column_is_classified(table: Table) -> None:
    """What becomes of it with its person, and what analysts see, is decided for each column; what Postgres computes
    comes with the column that it is computed from."""
    assert set(table.personal) == {*table.columns} - {"source", *VERSION}
    assert all(table.left(column) for column in table.personal)


@pytest.mark.parametrize("table", TABLES, ids=NAMES)
def test_analysts_see_what_is_declared(connection: Rows, table: Table) -> None:
    """The view in schema.sql is the one that the declaration comes to; a table without one shows analysts nothing."""
    view = connection.execute("SELECT to_regclass(%s) AS name", [f"airudder_analytics.{table.name}"]).fetchone()
    assert view
    assert (view["name"] is None) == (analysts_view(table) is None)
    if declaration := analysts_view(table):
        connection.execute(f"CREATE TEMPORARY VIEW declared AS {declaration}")
        defined = "SELECT pg_get_viewdef(%s::text::regclass) AS view"
        declared, stored = (
            connection.execute(defined, [name]).fetchone()
            for name in ("pg_temp.declared", f"airudder_analytics.{table.name}")
        )
        connection.execute("DROP VIEW pg_temp.declared")
        assert stored == declared


ELSEWHERE = {
    "pushes": "removed whole but for ids of no person: ERASE_PUSHES",
    "push_events": "an error is ours, and goes with its push: FORGET_ERRORS",
    "actions": "nobody's: of an erasure it is not kept whose",
    "replays": "nobody's",
    "migrations": "nobody's",
    "drift": "nobody's: paths and types",
    "retention": "nobody's",
    "settlements": "nobody's",
    "silences": "nobody's",
    "history": "nobody's: sources, kinds and reasons",
    "ring_types": "nobody's",
    "hangup_types": "nobody's",
    "dialer_hangup_reasons": "nobody's",
    "pseudonym_key": "nobody's",
}


def test_every_table_is_declared(connection: Rows) -> None:
    """No table of schema.sql is forgotten."""
    found = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'airudder'::regnamespace AND relkind IN ('r', 'p') "
        "AND NOT relispartition"
    )
    assert {row["relname"] for row in found} == {*NAMES, *ELSEWHERE}


def test_every_list_has_its_view(connection: Rows) -> None:
    """A list shows a row an item under its name."""
    found = connection.execute("SELECT viewname FROM pg_views WHERE schemaname = 'airudder'")
    lists = {view for table in TABLES for view in table.lists.values()}
    assert {row["viewname"] for row in found} == {*lists, "contacts"}
