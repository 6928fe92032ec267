"""Sessions that stand still in a transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, nullcontext
from typing import Any

import psycopg
import pytest
from psycopg import Connection

import workers.sweeper.frozen
from tests.clock import Clock
from tests.logins import Logins, acting_as
from tests.processes import wait_until
from tests.pushes import entry, push
from tests.stored import store_pending
from workers.database import Database
from workers.statements import LOCK_SWEEPER
from workers.sweeper.chore import REST_SECONDS
from workers.sweeper.loop import Sweeper

Rows = Connection[dict[str, Any]]


@pytest.fixture(params=[False, True], ids=["as itself", "as a role"])
def acting(request: pytest.FixtureRequest, connection: Rows, logins: Logins) -> Iterator[None]:
    """The login that worker and sweeper share acts as itself, or as a role that it is a member of."""
    with acting_as(connection, logins.worker, "airudder_worker") if request.param else nullcontext():
        yield


@pytest.mark.usefixtures("acting")
def test_frozen_copy_is_ended(
    sweeper: Sweeper, logins: Logins, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits in the midst of a COPY for its worker is ended when it is too old. Left alone are another program, and
    who waits for a lock."""
    sessions = {
        "frozen": ("airudder-ingest", "BEGIN; COPY airudder.calls FROM STDIN"),
        "report": ("report", "BEGIN; SELECT pg_advisory_xact_lock(7); COPY airudder.calls FROM STDIN"),
        "waiting": ("airudder-ingest", "BEGIN; SELECT pg_advisory_xact_lock(7)"),
    }
    pids: dict[int, str] = {}

    def waiting() -> set[str]:
        found = connection.execute("SELECT pid FROM pg_stat_activity WHERE xact_start < now() AND wait_event <> ''")
        return {pids[row["pid"]] for row in found if row["pid"] in pids}

    with ExitStack() as stack:
        for name, (program, query) in sessions.items():
            session = stack.enter_context(closing(psycopg.connect(logins.worker, application_name=program)))
            session.pgconn.send_query(query.encode())
            pids[session.info.backend_pid] = name
            wait_until(lambda: len(waiting()) == len(pids), f"{name} waits")

        sweeper.run_once()
        assert waiting() == sessions.keys()

        monkeypatch.setattr(workers.sweeper.frozen, "FROZEN_SECONDS", 0)
        sweeper.run_once()
        wait_until(lambda: "frozen" not in waiting(), "it is ended")
        assert waiting() == sessions.keys() - {"frozen"}


def test_sweeper_that_may_end_nothing(
    client: Any, logins: Logins, connection: Rows, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Where a hardened Postgres refuses that, everything else is seen to, and a line a minute says so."""
    store_pending(connection, entry(push("c1")))
    connection.execute("REVOKE EXECUTE ON FUNCTION pg_terminate_backend FROM PUBLIC")
    try:
        with closing(Database(logins.worker, patience_seconds=0)) as database:
            sweeper = Sweeper(client, database, clock)
            assert [sweeper.run_once() for _ in range(3)] == [1, 0, 0]
            clock.now += REST_SECONDS
            sweeper.run_once()
    finally:
        connection.execute("GRANT EXECUTE ON FUNCTION pg_terminate_backend TO PUBLIC")
    assert caplog.text.count("pg_terminate_backend") == 2


def test_frozen_sweeper_is_succeeded(
    sweeper: Sweeper, logins: Logins, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that stands still in a transaction is ended by the next, which has the lock then; between two transactions
    Postgres ends it."""
    monkeypatch.setattr(workers.sweeper.frozen, "FROZEN_SECONDS", 0)
    with closing(psycopg.connect(logins.worker, application_name="airudder-ingest")) as frozen:
        frozen.execute(LOCK_SWEEPER)
        frozen.commit()
        assert frozen.execute("SHOW idle_session_timeout").fetchone() == ("10min",)

        store_pending(connection, entry(push()))
        wait_until(sweeper.run_once, "the next one settles what is pending")
