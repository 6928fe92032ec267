"""schema.sql: every CHECK refuses, and partitions are made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from ingest.tables import TABLES
from ops import queries
from tests.pushes import entry, push

Rows = Connection[dict[str, Any]]

NOW = "now()"
VERSION = f"{NOW}, gen_random_uuid()"


def insert_push(
    source: str = "s", kind: str = "k", status: str = "pending", error: str = "NULL", attempts: int = 0
) -> str:
    """A statement that inserts a push, without saying where an error is or when it was normalised."""
    return (
        "INSERT INTO airudder.pushes (push_id, received_at, source, kind, body, status, error, attempts) "
        f"VALUES (gen_random_uuid(), {NOW}, '{source}', '{kind}', '', '{status}', {error}, {attempts})"
    )


REFUSED = {
    "push_status_is_known": insert_push(status="lost"),
    "push_source_is_not_empty": insert_push(source=""),
    "push_kind_is_not_empty": insert_push(kind=""),
    "push_attempts_is_not_negative": insert_push(attempts=-1),
    "dead_push_says_why_and_where": insert_push(status="dead", error="'broken'"),
    "normalised_push_says_when": insert_push(status="normalised"),
    "push_event_is_known": (
        f"INSERT INTO airudder.push_events (push_id, received_at, event) VALUES (gen_random_uuid(), {NOW}, 'lost')"
    ),
    "workflow_id_is_not_empty": f"INSERT INTO airudder.workflows VALUES ('s', '', 'name', 'status', {VERSION})",
    "workflow_status_workflow_id_is_not_empty": (
        "INSERT INTO airudder.workflow_statuses (source, workflow_id, told_by, received_at, push_id) "
        f"VALUES ('s', '', gen_random_uuid(), {VERSION})"
    ),
    "nodetask_id_is_not_empty": (
        "INSERT INTO airudder.node_tasks (source, workflow_id, nodetask_id, received_at, push_id) "
        f"VALUES ('s', 'w', '', {VERSION})"
    ),
    "node_id_is_not_empty": f"INSERT INTO airudder.nodes VALUES ('s', 'w', '', 'name', {VERSION})",
    "callee_number_is_not_empty": (
        "INSERT INTO airudder.callees (source, callee_number, number_as_sent, received_at, push_id) "
        f"VALUES ('s', '', '', {VERSION})"
    ),
    "case_callee_number_is_not_empty": (
        "INSERT INTO airudder.cases (source, callee_number, case_id, received_at, push_id) "
        f"VALUES ('s', '', '', {VERSION})"
    ),
    "list_completion_callee_number_is_not_empty": (
        "INSERT INTO airudder.list_completions (source, callee_number, workflow_id, case_id, received_at, push_id) "
        f"VALUES ('s', '', '', '', {VERSION})"
    ),
    "completed_call_callee_number_is_not_empty": (
        "INSERT INTO airudder.completed_calls (source, callee_number, task_id, started, received_at, push_id) "
        f"VALUES ('s', '', '', '', {VERSION})"
    ),
    "call_id_is_not_empty": (
        f"INSERT INTO airudder.calls (source, call_id, received_at, push_id) VALUES ('s', '', {VERSION})"
    ),
    "session_id_is_not_empty": (
        f"INSERT INTO airudder.sessions (source, session_id, received_at, push_id) VALUES ('s', '', {VERSION})"
    ),
    "qa_report_task_id_is_not_empty": (
        f"INSERT INTO airudder.qa_reports (source, task_id, received_at, push_id) VALUES ('s', '', {VERSION})"
    ),
    "dialer_task_id_is_not_empty": (
        f"INSERT INTO airudder.dialer_tasks (source, task_id, received_at, push_id) VALUES ('s', '', {VERSION})"
    ),
    "dialer_contact_number_is_not_empty": (
        "INSERT INTO airudder.dialer_contacts (source, callee_number, task_id, received_at, push_id) "
        f"VALUES ('s', '', '', {VERSION})"
    ),
    "dialer_call_id_is_not_empty": (
        f"INSERT INTO airudder.dialer_calls (source, call_id, received_at, push_id) VALUES ('s', '', {VERSION})"
    ),
    "dialer_agent_name_is_not_empty": (
        f"INSERT INTO airudder.dialer_agents (source, agent_name, received_at, push_id) VALUES ('s', '', {VERSION})"
    ),
    "there_is_one_key": "INSERT INTO airudder.pseudonym_key VALUES (false, '')",
}


@pytest.mark.parametrize(("name", "statement"), REFUSED.items(), ids=REFUSED.keys())
def test_check_refuses(connection: Rows, name: str, statement: str) -> None:
    """Each CHECK refuses what its name says may not be."""
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        connection.execute(statement)
    assert caught.value.diag.constraint_name == name


def test_every_check_is_tested(connection: Rows) -> None:
    """No CHECK in the schema is without its test above."""
    found = connection.execute(
        "SELECT DISTINCT conname FROM pg_constraint JOIN pg_namespace ON pg_namespace.oid = connamespace "
        "WHERE nspname = 'airudder' AND contype = 'c'"
    )
    assert {row["conname"] for row in found} == set(REFUSED)


def test_every_table_is_explained(connection: Rows) -> None:
    """An analyst reads in psql what a row of each table is."""
    found = connection.execute(
        "SELECT relname, obj_description(pg_class.oid) AS comment FROM pg_class "
        "JOIN pg_namespace ON pg_namespace.oid = relnamespace "
        "WHERE nspname = 'airudder' AND relkind IN ('r', 'p') AND NOT relispartition"
    ).fetchall()
    assert {row["relname"] for row in found} > {table.name for table in TABLES}
    assert [row["relname"] for row in found if not (row["comment"] or "").startswith("A row ")] == []


def store(connection: Rows, received_at: datetime) -> bytes:
    """A pending push of a moment; its body."""
    one = entry(push())
    connection.execute(
        "INSERT INTO airudder.pushes (push_id, received_at, source, kind, body, status) "
        "VALUES (%s, %s, 'default', 'custom-api', %s, 'pending')",
        [one.uuid, received_at, one.body],
    )
    return one.body


def tables_of_pushes(connection: Rows) -> list[str]:
    """In which partition each push is."""
    found = connection.execute("SELECT tableoid::regclass::text AS name FROM airudder.pushes ORDER BY received_at")
    return [row["name"].removeprefix("airudder.") for row in found]


def test_partition_takes_over_its_day(connection: Rows) -> None:
    """A push of a day without partition is kept in the default one, and moves when the day's is made."""
    day = datetime(2031, 5, 6, tzinfo=UTC)
    for moment in (day - timedelta(microseconds=1), day, day + timedelta(days=1)):
        store(connection, moment)
    assert tables_of_pushes(connection) == ["pushes_default"] * 3

    make = "SELECT airudder.ensure_pushes_partition(%s) AS made"
    try:
        assert connection.execute(make, [day.date()]).fetchone() == {"made": True}
        assert connection.execute(make, [day.date()]).fetchone() == {"made": False}
        assert tables_of_pushes(connection) == ["pushes_default", "pushes_2031_05_06", "pushes_default"]
    finally:
        connection.execute("DROP TABLE airudder.pushes_2031_05_06")


def test_partition_has_all_indexes(connection: Rows) -> None:
    """A partition made later has the same indexes as its siblings, each once."""
    count = "SELECT count(*) AS indexes FROM pg_indexes WHERE tablename = %s"
    connection.execute("SELECT airudder.ensure_pushes_partition('2031-05-07')")
    try:
        made = connection.execute(count, ["pushes_2031_05_07"]).fetchone()
        assert made == connection.execute(count, ["pushes_default"]).fetchone() == {"indexes": 8}
    finally:
        connection.execute("DROP TABLE airudder.pushes_2031_05_07")


def test_partition_of_an_older_program_is_completed(connection: Rows) -> None:
    """One that was made while the tables were migrated gets the index that tells retries, in place of the one that
    knows no recurrence, at the next look."""
    connection.execute("SELECT airudder.ensure_pushes_partition('2031-05-08')")
    try:
        connection.execute("DROP INDEX airudder.pushes_2031_05_08_news")
        older = (
            "CREATE UNIQUE INDEX pushes_2031_05_08_delivery ON airudder.pushes_2031_05_08 (body_digest, source, kind)"
        )
        connection.execute(older)
        again = connection.execute("SELECT airudder.ensure_pushes_partition('2031-05-08') AS made").fetchone()
        assert again == {"made": False}
        indexes = "SELECT indexname AS name FROM pg_indexes WHERE tablename = 'pushes_2031_05_08' AND indexname ~ %s"
        unique = connection.execute(indexes, ["_(news|delivery)$"]).fetchall()
        assert [row["name"] for row in unique] == ["pushes_2031_05_08_news"]
    finally:
        connection.execute("DROP TABLE airudder.pushes_2031_05_08")


def test_today_has_partition(connection: Rows) -> None:
    """A fresh schema takes today's pushes in a partition of their own."""
    store(connection, datetime.now(UTC))

    assert tables_of_pushes(connection) == [f"pushes_{datetime.now(UTC):%Y_%m_%d}"]


def test_digest_is_of_body(connection: Rows) -> None:
    """The digest is the body's SHA-256, as workers compute it."""
    body = store(connection, datetime.now(UTC))

    assert connection.execute("SELECT body_digest FROM airudder.pushes").fetchone() == {
        "body_digest": sha256(body).digest()
    }


LOOKUPS = {
    "a push by id": queries.PUSH_BY_ID,
    "dead letters": queries.DEAD_NEWEST_FIRST,
    "calls by id": queries.CALLS_BY_ID,
    "deliveries of a call": queries.PUSHES_BY_CALL_ID,
    "cases by id": queries.CASES_BY_ID,
    "calls of a case": queries.CALLS_BY_CASE_ID,
    "callees by number": queries.CALLEES_BY_NUMBER,
    "cases of a callee": queries.CASES_BY_NUMBER,
    "calls to a callee": queries.CALLS_BY_NUMBER,
    "a transcript": "SELECT FROM airudder.call_turns WHERE call_id = 'c' ORDER BY position",
    "answers of a case": "SELECT FROM airudder.case_answers WHERE callee_number = 'n'",
    "pending pushes": "SELECT FROM airudder.pushes WHERE status = 'pending' ORDER BY received_at LIMIT 100",
}
PARAMETERS = {
    "ids": ["x", "y"],
    "numbers": ["x"],
    "limit": 50,
    "push_id": UUID(int=0),
    "received_at": datetime(2026, 1, 1, tzinfo=UTC),
}


def scans(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes of a plan that read a table or an index."""
    below = [scan for child in plan.get("Plans", []) for scan in scans(child)]
    reads = "Scan" in plan["Node Type"] and plan["Node Type"] not in ("Bitmap Heap Scan", "Function Scan")
    return [plan, *below] if reads else below


@pytest.mark.parametrize("statement", LOOKUPS.values(), ids=LOOKUPS.keys())
def test_lookup_has_index(connection: Rows, statement: LiteralString) -> None:
    """What people look up by leads an index, or is its condition: no table is read whole, however large it grows."""
    with connection.transaction():
        connection.execute("SET LOCAL enable_seqscan = off")
        (explained,) = connection.execute(f"EXPLAIN (FORMAT JSON) {statement}", PARAMETERS).fetchall()
    found = scans(explained["QUERY PLAN"][0]["Plan"])
    assert found
    for scan in found:
        assert "Index" in scan["Node Type"], scan
        (index,) = connection.execute(
            "SELECT indpred IS NOT NULL AS is_partial, pg_get_indexdef(indexrelid, 1, true) AS leading "
            "FROM pg_index WHERE indexrelid = %s::regclass",
            [f"airudder.{scan['Index Name']}"],
        ).fetchall()
        # Without its leading column an older Postgres reads the whole index and calls it an index scan as well.
        assert index["is_partial"] or f"({index['leading']} " in scan["Index Cond"], scan


def test_every_table_can_be_replicated(connection: Rows) -> None:
    """Logical replication, as of a failover or a move to another server, refuses to delete or change rows of a table
    without a key: there is none."""
    tables = connection.execute(
        "SELECT 'airudder.' || relname AS name FROM pg_class "
        "WHERE relnamespace = 'airudder'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
    ).fetchall()
    names = [table["name"] for table in tables]
    assert "airudder.settlements" in names
    with connection.transaction(force_rollback=True):
        connection.execute(f"CREATE PUBLICATION everything FOR TABLE {', '.join(names)}")
        for name in names:
            connection.execute(f"DELETE FROM {name}")
