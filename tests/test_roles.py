"""The database roles: each process does its work with the rights of its role, and can do nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psycopg
import pytest
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import InsufficientPrivilege
from psycopg.rows import dict_row

from ingest.resources import locate
from ingest.tables import TABLES
from ops.local import embedded_postgres
from ops.local.server import make_data_dir, wait_until_ready
from ops.local.supervisor import Supervisor
from tests.analysts import analysts_view
from tests.dialler import contact, dialler_entry, said
from tests.logins import Logins
from tests.persons import MARK, session
from tests.processes import ingest, running, running_web, wait_until
from tests.pushes import entry, push
from tests.servers import redis_set_to
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

ROLES = {"airudder_web", "airudder_worker", "airudder_console", "airudder_analyst"}
INSERT_PUSH = (
    "INSERT INTO airudder.{} (push_id, received_at, source, kind, body{}) "
    "SELECT gen_random_uuid(), now(), 's', 'k', ''{}"
)
REFUSED = [
    ("web", "SELECT body FROM airudder.pushes"),
    ("web", "SELECT status FROM airudder.pushes"),
    ("web", "UPDATE airudder.pushes SET body = ''"),
    ("web", "UPDATE airudder.pushes SET status = 'pending'"),
    ("web", "DELETE FROM airudder.pushes"),
    ("web", "TRUNCATE airudder.pushes"),
    ("web", INSERT_PUSH.format("pushes", ", status, error, error_path", ", 'dead', 'why', '$'")),
    ("web", INSERT_PUSH.format("pushes", ", status, normalised_at", ", 'normalised', now()")),
    ("web", INSERT_PUSH.format("pushes", ", through_redis", ", true")),
    ("web", INSERT_PUSH.format("pushes_default", "", "").replace("now()", "'2001-01-01'")),
    ("web", "SELECT airudder.ensure_pushes_partition('2031-01-01')"),
    ("web", "CREATE TABLE airudder.mine ()"),
    ("console", "UPDATE airudder.pushes SET body = ''"),
    ("console", "DELETE FROM airudder.pushes"),
    ("console", "DELETE FROM airudder.calls"),
    ("console", "DELETE FROM airudder.actions"),
    ("console", "UPDATE airudder.actions SET operator = 'x'"),
    ("console", "SELECT airudder.ensure_pushes_partition('2031-01-01')"),
    ("console", "CREATE TABLE airudder.mine ()"),
    ("worker", "SELECT FROM airudder.pseudonym_key"),
    ("worker", "UPDATE airudder.pushes SET body = ''"),
    ("worker", "UPDATE airudder.pushes SET received_at = now()"),
    ("worker", "UPDATE airudder.pushes SET source = 's'"),
    ("worker", "DELETE FROM airudder.pushes"),
    ("worker", "SELECT FROM airudder.pushes_default"),
    ("worker", "DROP TABLE airudder.pushes_default"),
    ("worker", "DELETE FROM airudder.calls"),
    ("worker", "TRUNCATE airudder.calls"),
    ("worker", "SELECT secret FROM airudder.pseudonym_key"),
    ("worker", "CREATE TABLE airudder.mine ()"),
    ("analyst", "UPDATE airudder_analytics.workflows SET name = 'other'"),
    ("analyst", "SELECT airudder.ensure_pushes_partition('2031-01-01')"),
    ("analyst", "CREATE TABLE airudder_analytics.mine ()"),
]
MARKED = {
    "callee": {
        "case_id": "case-MARK",
        "callee_name": "name-MARK",
        "callee_gender": "gender-MARK",
        "callee_number": "+6281298765432",
        "platform_name": "platform-MARK",
        "location": "location-MARK",
        "extra_a": "a-MARK",
        "extra_b": "b-MARK",
        "extra_c": "c-MARK",
        "comments": "comments-MARK",
        "extra": [{"Question": "question-MARK", "Content": "content-MARK"}],
        "extend": {"variables": {"variable": "variable-MARK"}},
        "due_date": "2026-12-01",
        "total_owing_amount": "20310.23",
    },
    "custom_attribute": {"a": "attribute-MARK"},
    "call": {
        "call_id": "c1",
        "intention": "intention-MARK",
        "ring_type": "ring-MARK",
        "hangup_type": "hangup-MARK",
        "slots": "slots-MARK",
        "multi_label": {"label": "label-MARK"},
        "asr_ptp": "ptp-MARK",
        "asr_result": [{"time": "00:00:01", "robottext": "robot-MARK", "text": "callee-MARK"}],
    },
}
MARKED_BY_DIALLER = [
    contact(
        "state-MARK",
        callid="c2",
        contactName="name-MARK",
        agentName="agent-MARK",
        customerInfo={"MARK": "MARK"},
        remark="MARK",
    ),
    said("AgentStatus", State="RINGING", agentName="agent-MARK", talkResultLabel="MARK"),
    said("TaskStatus", taskId="t1", state="Finished"),
]


def connect(url: str) -> Rows:
    """A connection, each statement its own transaction."""
    return psycopg.connect(url, autocommit=True, row_factory=dict_row)


def names(connection: Rows, statement: str) -> list[str]:
    """The column `name` of what a statement gives."""
    return [row["name"] for row in connection.execute(statement)]


def roles_of(connection: Rows) -> set[str]:
    """Which of our roles the cluster has."""
    return set(names(connection, "SELECT rolname AS name FROM pg_roles")) & ROLES


@pytest.mark.parametrize(("role", "statement"), REFUSED)
def test_role_is_refused(logins: Logins, connection: Rows, role: str, statement: str) -> None:
    """What a role does not need it may not do; the tables' owner may."""
    with connect(getattr(logins, role)) as member, pytest.raises(InsufficientPrivilege):
        member.execute(statement)
    with connection.transaction(force_rollback=True):
        connection.execute(statement)


def test_analyst_sees_no_table(logins: Logins, connection: Rows) -> None:
    """No table is open to analysts, the partitions of pushes among them."""
    tables = names(
        connection,
        "SELECT relname AS name FROM pg_class WHERE relnamespace = 'airudder'::regnamespace AND relkind IN ('r', 'p')",
    )
    assert len(tables) > 12
    with connect(logins.analyst) as analyst:
        for table in tables:
            with pytest.raises(InsufficientPrivilege):
                analyst.execute(f"SELECT FROM airudder.{table}")


def test_views_hold_nobody(logins: Logins, database: Database, connection: Rows) -> None:
    """Views show dates and amounts, and neither who was called nor what was said; and their rows can be joined."""
    settle(database, [entry(MARKED), *map(dialler_entry, MARKED_BY_DIALLER)])
    for kind, told in (
        ("chatbot-session-ended", session()),
        ("qa-report", {"TaskID": "t", "QADetail": [{MARK: MARK}]}),
    ):
        settle(database, [msgspec.structs.replace(entry(told), kind=kind)])
    stored = [connection.execute(f"SELECT * FROM airudder.{table}").fetchall() for table in ("callees", "call_turns")]
    assert "name-MARK" in repr(stored)
    assert "callee-MARK" in repr(stored)

    with connect(logins.analyst) as analyst:
        views = names(analyst, "SELECT viewname AS name FROM pg_views WHERE schemaname = 'airudder_analytics'")
        shown = {view: analyst.execute(f"SELECT * FROM airudder_analytics.{view}").fetchall() for view in views}
        joined = analyst.execute(
            "SELECT masked_number, due_date, total_owing_amount, has_asr_ptp, callee_characters "
            "FROM airudder_analytics.calls JOIN airudder_analytics.callees USING (source, callee_pseudonym) "
            "JOIN airudder_analytics.cases USING (source, callee_pseudonym, case_pseudonym) "
            "JOIN airudder_analytics.call_turns USING (source, call_id)"
        ).fetchall()

    filled = {"callees", "cases", "calls", "call_turns", "sessions", "qa_reports", "ring_types", "hangup_types"}
    filled |= {"dialer_hangup_reasons", "called_callees"}
    assert set(views) == filled | {table.name for table in TABLES if analysts_view(table)}
    assert all(shown[view] for view in filled)
    assert "MARK" not in repr(shown)
    assert MARK not in repr(shown)
    assert "298765" not in repr(shown)
    assert joined == [
        {
            "masked_number": "ID…32",
            "due_date": date(2026, 12, 1),
            "total_owing_amount": Decimal("20310.23"),
            "has_asr_ptp": True,
            "callee_characters": len("callee-MARK"),
        }
    ]


def test_secret_cannot_be_caught(logins: Logins, database: Database, connection: Rows) -> None:
    """An analyst's own function of the same name is not handed what pseudonyms are made of."""
    settle(database, [entry(push())])
    connection.execute("CREATE SCHEMA laboratory")
    connection.execute("GRANT ALL ON SCHEMA laboratory TO airudder_analyst")
    try:
        with connect(logins.analyst) as analyst:
            before = analyst.execute("SELECT callee_pseudonym FROM airudder_analytics.callees").fetchall()
            analyst.execute("CREATE FUNCTION laboratory.sha256(bytea) RETURNS bytea LANGUAGE sql RETURN $1")
            analyst.execute("SET search_path = laboratory, pg_catalog")
            assert analyst.execute("SELECT sha256('') = '' AS is_caught").fetchone() == {"is_caught": True}
            after = analyst.execute("SELECT callee_pseudonym FROM airudder_analytics.callees").fetchall()
    finally:
        connection.execute("DROP SCHEMA laboratory CASCADE")
    assert after == before


def test_owners_functions_are_closed(connection: Rows) -> None:
    """A function with its owner's rights is nobody's by default, and trusts no search_path."""
    functions = connection.execute(
        "SELECT proname, proconfig, array(SELECT grantee::regrole::text FROM aclexplode(proacl) "
        "WHERE grantee <> proowner) AS callers FROM pg_proc "
        "WHERE pronamespace = 'airudder'::regnamespace AND prosecdef"
    ).fetchall()
    assert functions
    for function in functions:
        everybodys = ["airudder_worker", "airudder_console"] if function["proname"] == "installation" else None
        assert function["callers"] == (everybodys or ["airudder_worker"]), function
        assert set(function["proconfig"]) - {"enable_seqscan=on"} == {"search_path=pg_catalog, pg_temp"}, function


def test_whole_path_with_roles(environment: None, logins: Logins, client: Any, connection: Rows) -> None:
    """Web, workers and sweeper do all of their work with the rights of their roles: batches, duplicates, dead letters,
    pushes for which Redis was away, partitions ahead. Commands need the worker's."""
    furthest = f"airudder.pushes_{datetime.now(UTC) + timedelta(days=7):%Y_%m_%d}"
    connection.execute(f"DROP TABLE IF EXISTS {furthest}")
    nobody = "redis://127.0.0.1:1/0"
    worker = {"DATABASE_URL": logins.worker}
    with (
        running_web(DATABASE_URL=logins.web) as url,
        running_web(DATABASE_URL=logins.web, REDIS_URL=nobody) as url_without_redis,
        running("worker", WORKERS="1", **worker),
        running("sweeper", **worker),
    ):
        endpoint = "airudder/custom-api"
        assert httpx.get(f"{url_without_redis}/readyz").json()["postgres"] == "can store"
        for base, body in [(url, push("c1")), (url, push("c1")), (url, []), (url_without_redis, push("c2"))]:
            assert httpx.post(f"{base}/{endpoint}", json=body).status_code == (200 if body else 422)
        outcomes = "SELECT status, through_redis, count(*) FROM airudder.pushes GROUP BY 1, 2 ORDER BY 1, 2"
        wait_until(lambda: connection.execute(outcomes).fetchall() == WHOLE_PATH, "every push has its outcome")
        wait_until(lambda: is_owned_as_pushes(connection, furthest), "the sweeper makes the partition that is missing")
        for command in ("status", "doctor", "reconcile", "find c1", "dead list"):
            with redis_set_to(client, appendonly="yes", appendfsync="always"):
                result = ingest(*command.split(), **worker)
            assert (result.returncode, result.stderr) == (0, ""), result.stdout
            assert "may do everything" not in result.stdout
        refused = ingest("find", "c1", DATABASE_URL=logins.web)
        assert "a login of role airudder_worker" in refused.stderr
        assert refused.stderr.count("\n") == 1


WHOLE_PATH = [
    {"status": "dead", "through_redis": True, "count": 1},
    {"status": "duplicate", "through_redis": True, "count": 1},
    {"status": "normalised", "through_redis": False, "count": 1},
    {"status": "normalised", "through_redis": True, "count": 1},
]


def is_owned_as_pushes(connection: Rows, partition: str) -> bool:
    """Whether a partition is there, and belongs to whom the table does."""
    owners = (
        "SELECT count(DISTINCT relowner) AS owners, count(*) FROM pg_class "
        "WHERE oid IN (to_regclass(%s), to_regclass('airudder.pushes'))"
    )
    return connection.execute(owners, [partition]).fetchone() == {"owners": 1, "count": 2}


@pytest.fixture
def cluster_url(tmp_path: Path) -> Iterator[str]:
    """A cluster of its own, in which our roles were never made."""
    make_data_dir(tmp_path / "cluster")
    server = embedded_postgres.prepare(tmp_path / "cluster")
    supervisor = Supervisor(lambda *_: None)
    supervisor.start(server.process)
    try:
        wait_until_ready(server, supervisor.pump)
        yield server.url
    finally:
        supervisor.stop([server.process.name])


def test_roles_cannot_be_made(cluster_url: str, redis_url: str, client: Any) -> None:
    """Where the migrating user may make no roles everything but them is made, which is said, and made up for later."""
    with connect(cluster_url) as superuser:
        superuser.execute("CREATE ROLE modest LOGIN")
        superuser.execute("CREATE DATABASE modest OWNER modest")
        url = make_conninfo("", **{**conninfo_to_dict(cluster_url), "dbname": "modest", "user": "modest"})
        environ = {"DATABASE_URL": url, "REDIS_URL": redis_url}

        migrated = ingest("migrate", **environ)
        assert (migrated.returncode, migrated.stdout) == (0, "schema.sql is applied\n")
        for role in ROLES:
            assert f"the role {role} is missing, and modest may not make it" in migrated.stderr
        assert migrated.stderr.count("\n") == len(ROLES)
        with redis_set_to(client, appendonly="yes", appendfsync="always"):
            doctor = ingest("doctor", **environ)
        assert doctor.returncode == 0, doctor.stdout
        assert (
            "note    without rights: airudder_web, airudder_worker, airudder_console, airudder_analyst" in doctor.stdout
        )

        for role in ROLES:
            superuser.execute(f"CREATE ROLE {role} NOLOGIN")
        again = ingest("migrate", **environ)
        assert (again.returncode, again.stderr) == (0, "")
        assert "without rights" not in ingest("doctor", **environ).stdout


def test_two_databases_migrate_at_once(cluster_url: str) -> None:
    """Roles belong to the cluster: a migration whose role another one is just making waits, and goes on with it."""
    other = make_conninfo("", **{**conninfo_to_dict(cluster_url), "dbname": "postgres"})
    schema = locate("schema.sql").read_bytes()

    def migrate() -> None:
        with connect(other) as second:
            second.execute(schema)

    with connect(cluster_url) as watcher, psycopg.connect(cluster_url) as first:
        for role in ROLES:
            first.execute(f"CREATE ROLE {role} NOLOGIN")
        thread = threading.Thread(target=migrate)
        thread.start()
        waiting = "SELECT FROM pg_stat_activity WHERE datname = 'postgres' AND wait_event = 'transactionid'"
        wait_until(lambda: watcher.execute(waiting).fetchall(), "the second waits for the first")
        first.commit()
        thread.join()
    with connect(other) as second:
        assert roles_of(second) == ROLES
        granted = "SELECT has_table_privilege('airudder_worker', 'airudder.calls', 'INSERT') AS is_granted"
        assert second.execute(granted).fetchone() == {"is_granted": True}
