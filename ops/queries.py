"""How commands ask Postgres, and the SQL statements that several of them read with."""
# ruff: noqa: S608 - the fragments are constants

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Concatenate, LiteralString, ParamSpec, TypeVar
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.errors import UndefinedTable

from ingest.batch.push_ids import received_at_of
from ingest.errors import NotAllowedError, PostgresAwayError, describe
from ingest.settings import Settings
from ops import connecting

Row = dict[str, Any]
_Parameters = ParamSpec("_Parameters")
_Answer = TypeVar("_Answer")


@contextmanager
def connect(settings: Settings) -> Iterator[Connection[Row]]:
    """A connection, each statement its own transaction. PostgresAwayError says what is wrong without the URL's password
    or a row; NotAllowedError, that its user lacks a right."""
    with connecting.connection_to(settings.database_url) as connection:
        try:
            yield connection
        except UndefinedTable:
            raise PostgresAwayError("the tables are missing: run `ingest migrate`") from None
        except psycopg.errors.InsufficientPrivilege as error:
            reason = f"{error.diag.message_primary} (as {connection.info.user})"
            advice = "use the tables' owner, or for all but `migrate` and `erase` a login of role airudder_worker"
            raise NotAllowedError(f"{reason}: {advice}") from None
        except psycopg.Error as error:
            # Its text may quote the row that it is about.
            raise PostgresAwayError(f"Postgres at DATABASE_URL refuses a statement: {describe(error)}") from None


def answered(
    settings: Settings,
    function: Callable[Concatenate[Connection[Row], _Parameters], _Answer],
    /,
    *args: _Parameters.args,
    **kwargs: _Parameters.kwargs,
) -> _Answer:
    """The answer of a function that asks on a connection, which is closed afterwards. Raises as `connect` does."""
    with connect(settings) as connection:
        return function(connection, *args, **kwargs)


def one(connection: Connection[Row], statement: LiteralString, where: Mapping[str, Any] | None = None) -> Row:
    """The row of a statement that gives one."""
    row = connection.execute(statement, where).fetchone()
    assert row is not None, "the statement gives one row"
    return row


def columns(rows: Sequence[Row], *names: str) -> dict[str, list[Any]]:
    """Columns of rows as parameters of a statement: `source` as an array `sources`."""
    return {f"{name}s": [row[name] for row in rows] for name in names}


def outcomes_and_arrived(
    connection: Connection[Row], since: datetime, push_ids: list[UUID]
) -> tuple[list[Row], set[UUID]]:
    """In one snapshot: pushes since then by hour, source and status; and which of these have come from Redis."""
    with connection.transaction():
        connection.execute(SNAPSHOT)
        outcomes = connection.execute(OUTCOMES_BY_HOUR, {"since": since}).fetchall()
        times = [received_at_of(push_id) for push_id in push_ids]
        arrived = connection.execute(ARRIVED_THROUGH_REDIS, {"push_ids": push_ids, "times": times}).fetchall()
    return outcomes, {row["push_id"] for row in arrived}


SNAPSHOT: LiteralString = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"

OUTCOMES_BY_HOUR: LiteralString = """
SELECT to_char(received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24') AS hour, source, status, count(*) AS pushes,
  count(*) FILTER (WHERE NOT through_redis) AS stored_by_web
FROM airudder.pushes
WHERE received_at >= %(since)s
GROUP BY 1, 2, 3
"""

ARRIVED_THROUGH_REDIS: LiteralString = """
SELECT push_id FROM airudder.pushes
JOIN unnest(%(times)s::timestamptz[], %(push_ids)s::uuid[]) AS wanted (received_at, push_id)
  USING (received_at, push_id)
WHERE through_redis
"""

PUSHES_CLEARED_BEFORE: LiteralString = "SELECT cleared_before FROM airudder.retention WHERE what = 'pushes'"

RETENTION: LiteralString = "SELECT what, cleared_before, removed, removed_at FROM airudder.retention ORDER BY what"

TABLES_EXIST: LiteralString = "SELECT to_regclass('airudder.pushes') IS NOT NULL AS exist"

WAIT_NO_LONGER: LiteralString = "SET LOCAL lock_timeout = '1s'"

_ALLOWED: LiteralString = (
    "current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer"
)

CONNECTION_LIMITS: LiteralString = f"""
SELECT 'the user ' || rolname AS whose, rolconnlimit AS connections FROM pg_roles WHERE rolname = session_user
UNION ALL SELECT 'the database ' || datname, datconnlimit FROM pg_database WHERE datname = current_database()
UNION ALL SELECT 'the server (max_connections)', {_ALLOWED}
"""

CONNECTIONS: LiteralString = f"""
SELECT (SELECT sum(numbackends) FROM pg_stat_database)::integer AS used, {_ALLOWED} AS allowed
"""
"""Of all users: what pg_stat_activity tells of others' sessions is hidden from a user with few rights."""

LOCKS: LiteralString = """
WITH tables AS (SELECT inhrelid AS oid FROM pg_inherits WHERE inhparent = 'airudder.pushes'::regclass)
SELECT (SELECT count(*) FROM tables) + (SELECT count(*) FROM pg_index JOIN tables ON oid = indrelid) AS used,
  current_setting('max_locks_per_transaction')::integer AS of_each,
  current_setting('max_connections')::integer + current_setting('max_prepared_transactions')::integer AS sessions
"""
"""How many locks a statement on all of pushes takes, and for how many there is room, by Postgres's own reckoning"""

DURABILITY: LiteralString = """
SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes')
"""

LOGIN: LiteralString = """
SELECT current_user AS name, rolsuper OR pg_has_role(current_user, relowner, 'MEMBER') AS may_everything
FROM pg_class, pg_roles WHERE pg_class.oid = 'airudder.pushes'::regclass AND rolname = current_user
"""

ROLES_WITHOUT_RIGHTS: LiteralString = """
SELECT name FROM unnest(
  ARRAY['airudder_web', 'airudder_worker', 'airudder_console', 'airudder_analyst'],
  ARRAY['airudder', 'airudder', 'airudder', 'airudder_analytics']
) AS role (name, schema)
WHERE NOT coalesce(has_schema_privilege(to_regrole(name), to_regnamespace(schema), 'USAGE'), false)
"""

PARTITIONS_AHEAD: LiteralString = """
SELECT min(day) - 1 AS days FROM generate_series(1, 31) AS day
WHERE day = 31 OR to_regclass(
  'airudder.pushes_' || to_char((now() AT TIME ZONE 'UTC')::date + day, 'YYYY_MM_DD')) IS NULL
"""
"""How many days after today have a partition, in a row; 30 at most"""

IN_DEFAULT: LiteralString = "SELECT pg_stat_get_live_tuples('airudder.pushes_default'::regclass) AS pushes"
"""As Postgres estimates: to count the rows would be to read them, which no role of ours may."""

DEAD_NEWEST_FIRST: LiteralString = """
SELECT push_id, received_at, source, kind, octet_length(body) AS bytes, error
FROM airudder.pushes WHERE status = 'dead' ORDER BY received_at DESC LIMIT %(limit)s
"""

PUSH_BY_ID: LiteralString = """
SELECT push_id, received_at, source, kind, status, error, error_path, warnings, attempts, workflow_id, node_id,
  callee_number, case_id, call_id, normalised_at, body, signature
FROM airudder.pushes WHERE push_id = %(push_id)s AND received_at = %(received_at)s
"""

SILENCES: LiteralString = """
WITH aged AS (
  SELECT source, seconds, extract(epoch FROM now() - hour)::bigint + 3600 AS age FROM airudder.silences AS one
  WHERE hour < now() - interval '6 days' AND hour > now() - interval '57 days'
    AND (SELECT min(hour) FROM airudder.silences AS first WHERE first.source = one.source) < now() - interval '13 days'
), weeks AS (
  SELECT source, max(seconds) AS seconds FROM aged WHERE mod(age, 604800) < 3 * 3600 GROUP BY source, age / 604800
), ranked AS (
  SELECT source, seconds, row_number() OVER longest_first AS place, count(*) OVER (PARTITION BY source) AS weeks
  FROM weeks WINDOW longest_first AS (PARTITION BY source ORDER BY seconds DESC)
)
SELECT source, seconds FROM ranked WHERE place = CASE WHEN weeks < 3 THEN 1 ELSE 2 END
"""
"""The same hour of each week before this one, and the hours beside it; of sources that are known for two weeks. The
silence that lasts now tells nothing of what is usual. Nor does the longest one, once three weeks are known: it may be
an outage of ours, which would keep alarms away."""

CALLS_BY_ID: LiteralString = """
SELECT source, call_id, callee_number, case_id, workflow_id, started_at, duration, attempt, ring_type, hangup_type,
  turn_count, push_id
FROM airudder.calls WHERE call_id = ANY (%(ids)s)
"""

PUSHES_BY_CALL_ID: LiteralString = """
SELECT push_id, received_at, source, kind, status, node_id, jsonb_array_length(warnings) AS warnings, error
FROM airudder.pushes WHERE call_id = ANY (%(ids)s) ORDER BY received_at
"""

PUSHES_BY_NUMBER: LiteralString = """
SELECT push_id, received_at, source, kind, status, call_id, jsonb_array_length(warnings) AS warnings, error
FROM airudder.pushes WHERE callee_number = ANY (%(numbers)s) ORDER BY received_at DESC LIMIT 50
"""
"""Of whoever is called every day there are many: the newest"""

CASES_BY_ID: LiteralString = """
SELECT source, callee_number, case_id, due_date, total_owing_amount, currency_unit, received_at, push_id
FROM airudder.cases WHERE case_id = ANY (%(ids)s) AND case_id <> '' ORDER BY received_at
"""

CALLS_BY_CASE_ID: LiteralString = """
SELECT source, call_id, callee_number, started_at, duration, attempt, ring_type, hangup_type
FROM airudder.calls WHERE case_id = ANY (%(ids)s) AND case_id <> '' ORDER BY started_at
"""

CALLEES_BY_NUMBER: LiteralString = """
SELECT source, callee_number, number_as_sent, country, received_at, push_id
FROM airudder.callees WHERE callee_number = ANY (%(numbers)s)
"""

CASES_BY_NUMBER: LiteralString = """
SELECT source, callee_number, case_id, due_date, total_owing_amount, currency_unit, received_at, push_id
FROM airudder.cases WHERE callee_number = ANY (%(numbers)s) ORDER BY received_at
"""

CALLS_BY_NUMBER: LiteralString = """
SELECT source, call_id, case_id, started_at, duration, attempt, ring_type, hangup_type
FROM airudder.calls WHERE callee_number = ANY (%(numbers)s) ORDER BY started_at
"""

TASKS_OF_PERIOD: LiteralString = """
SELECT task_id FROM airudder.calls
WHERE started_at >= %(since)s AND started_at < %(until)s AND task_id IS NOT NULL
UNION
SELECT task_id FROM airudder.completed_calls
WHERE started_at >= %(since)s AND started_at < %(until)s AND task_id <> ''
ORDER BY task_id
"""

CALLS_OF_TASK: LiteralString = """
SELECT callee_number, started_at FROM airudder.calls
WHERE started_at BETWEEN %(since)s AND %(until)s
  AND (task_id = %(task_id)s OR (task_id IS NULL AND callee_number IS NOT NULL))
UNION ALL
SELECT callee_number, started_at FROM airudder.calls WHERE started_at IS NULL AND task_id = %(task_id)s
UNION ALL
SELECT callee_number, started_at FROM airudder.completed_calls AS completed
WHERE started_at BETWEEN %(since)s AND %(until)s AND task_id IN (%(task_id)s, '') AND NOT EXISTS (
  SELECT FROM airudder.calls
  WHERE calls.callee_number = completed.callee_number AND calls.source = completed.source
    AND calls.started_at = completed.started_at)
"""
"""By their start, which has an index: one of tasks would cost every call, and this question is rare. A row that does
not say its task may be of this one. A customer may be pushed completed calls alone; one that is told of in both tables
counts once."""
