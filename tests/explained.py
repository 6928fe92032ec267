"""What statements read of tables with thousands of rows, as Postgres explains it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg
from psycopg import ClientCursor, Connection
from psycopg.rows import dict_row

from ingest import session
from tests.conftest import TABLES

Rows = Connection[dict[str, Any]]

LARGE = re.compile(r"(pushes|calls|cases|callees|call_attributes|call_turns|case_answers|sessions|qa_reports)(_|$)")
MOST_ROWS = 1_000
"""Of 18,000 pushes; those that name nobody are some 550."""

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
"""Also if midnight comes before the tables are filled"""

_FILL: LiteralString = """
INSERT INTO airudder.callees (source, callee_number, number_as_sent, country, received_at, push_id)
SELECT 'shop', CASE WHEN n %% 100 = 0 THEN '0812 ' ELSE '+62812' END || n, n, CASE WHEN n %% 100 <> 0 THEN 'ID' END,
  now(), gen_random_uuid()
FROM generate_series(1000000, 1005999) AS n;
INSERT INTO airudder.cases (source, callee_number, case_id, received_at, push_id)
SELECT source, callee_number, 'case ' || number_as_sent, received_at, push_id FROM airudder.callees;
INSERT INTO airudder.calls (source, call_id, task_id, callee_number, case_id, started_at, received_at, push_id)
SELECT source, 'call ' || number_as_sent, 'task', callee_number, 'case ' || number_as_sent,
  CASE WHEN number_as_sent::integer %% 50 <> 0 THEN now() - number_as_sent::integer %% 5000 * interval '1 minute' END,
  received_at, push_id
FROM airudder.callees;
INSERT INTO airudder.call_attributes (source, call_id, node_id, custom_attribute, received_at, push_id)
SELECT source, call_id, 'n1', '{}', received_at, push_id FROM airudder.calls;
INSERT INTO airudder.pushes (push_id, received_at, source, kind, body, status, error, error_path, normalised_at,
  callee_number, case_id, call_id, warnings)
SELECT gen_random_uuid(), %(today)s + day * interval '1 day' + n * interval '1 ms', 'shop', 'custom-api',
  convert_to(repeat('x', 500) || n, 'UTF8'), status, CASE status WHEN 'dead' THEN 'why' END,
  CASE status WHEN 'dead' THEN '$' END, CASE status WHEN 'normalised' THEN now() END,
  CASE WHEN status <> 'normalised' OR n %% 99 = 0 THEN NULL ELSE '+62812' || n END,
  CASE status WHEN 'normalised' THEN 'case ' || n END, CASE status WHEN 'normalised' THEN 'call ' || n END,
  CASE WHEN n %% 7 = 0 THEN '[{"path": "$.callee.due_date", "problem": "not a date"}]'::jsonb END
FROM generate_series(0, 2) AS day, generate_series(1000000, 1005999) AS n,
  LATERAL (SELECT CASE n %% 97 WHEN 0 THEN 'dead' WHEN 1 THEN 'pending' ELSE 'normalised' END AS status) AS outcome;
INSERT INTO airudder.sessions (source, session_id, callee_number, call_id, received_at, push_id)
SELECT source, call_id, callee_number, call_id, received_at, push_id FROM airudder.calls;
INSERT INTO airudder.qa_reports (source, task_id, received_at, push_id)
SELECT source, call_id, received_at, push_id FROM airudder.calls;
ANALYZE airudder.sessions, airudder.qa_reports, airudder.pushes, airudder.callees, airudder.cases, airudder.calls,
  airudder.call_attributes;
"""


_SLOW: LiteralString = """
SET plan_cache_mode = force_generic_plan; SET enable_indexscan = off; SET enable_indexonlyscan = off;
SET enable_bitmapscan = off; SET enable_nestloop = off; SET enable_partition_pruning = off
"""
"""As somebody may set for a database, with which each look would read whole tables"""


@contextmanager
def filled_tables(database_url: str) -> Iterator[Rows]:
    """Tables with thousands of rows, pushes in three partitions, as Postgres knows; and a session as commands have it,
    whatever is set for the database."""
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
        connection.execute(_SLOW)
        connection.execute(session.set_up(session.COMMANDS, connection.info.server_version))
        connection.execute(f"TRUNCATE airudder.{TABLES}")
        ClientCursor(connection).execute(_FILL, {"today": TODAY})
        yield connection
        connection.execute(f"TRUNCATE airudder.{TABLES}")


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's nodes, from the top."""
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def rows_read(connection: Rows, statement: str, parameters: Any) -> dict[str, int]:
    """How many rows of each large table or partition a statement looks at; those of a sequential scan by its name."""
    explain = b"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) "
    with connection.transaction(force_rollback=True):
        (explained,) = connection.execute(explain + statement.encode(), parameters)
    read: Counter[str] = Counter()
    for node in nodes(explained["QUERY PLAN"][0]["Plan"]):
        if LARGE.match(table := node.get("Relation Name", "")) and node["Node Type"] != "ModifyTable":
            removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
            where = f"all of {table}" if node["Node Type"] == "Seq Scan" else table
            read[where] += round((node["Actual Rows"] + removed) * node["Actual Loops"])
    return {table: rows for table, rows in read.items() if rows}


class Explaining:
    """A connection whose every statement has to find its rows by an index, or to end soon if it `may_scan`."""

    def __init__(self, connection: Rows, *, may_scan: bool = False) -> None:
        self._connection = connection
        self._may_scan = may_scan
        self.statements = 0

    def execute(self, statement: bytes | LiteralString, parameters: Any) -> Any:
        """Look at what a statement reads, and execute it."""
        text = statement.decode() if isinstance(statement, bytes) else statement
        read = rows_read(self._connection, text, parameters)
        assert self._may_scan or not [table for table in read if table.startswith("all of")], (statement, read)
        assert sum(read.values()) <= MOST_ROWS, (statement, read)
        self.statements += 1
        return self._connection.execute(statement, parameters)
