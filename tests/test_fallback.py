"""Storing pushes in Postgres while Redis is away."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from psycopg import Connection

from ingest.errors import NowhereToStoreError
from ingest.fallback import Fallback
from tests.logins import Logins
from tests.pushes import entry, push

Rows = Connection[dict[str, Any]]


def test_store_keeps_pending_rows(logins: Logins, connection: Rows) -> None:
    """A group becomes pending rows, byte for byte; storing it again changes nothing."""
    entries = [entry(push("c1")), entry(b"not json \xff")]

    async def run() -> None:
        fallback = Fallback(logins.web)
        await fallback.store(entries)
        await fallback.store(entries)
        await fallback.close()

    asyncio.run(run())

    rows = connection.execute("SELECT * FROM airudder.pushes ORDER BY push_id").fetchall()
    assert [(row["push_id"], row["received_at"], row["body"], row["status"]) for row in rows] == [
        (one.uuid, one.received_at, one.body, "pending") for one in entries
    ]


def test_postgres_away_is_said(connection: Rows) -> None:
    """Without Postgres the sender is told at once, and for a moment without another try."""

    async def run() -> None:
        fallback = Fallback("postgresql://nobody@127.0.0.1:1/none")
        for _ in range(2):
            with pytest.raises(NowhereToStoreError):
                await fallback.store([entry(push())])
        assert not await fallback.is_reachable()
        await fallback.close()

    asyncio.run(run())


def test_locked_table_does_not_hold_answer(
    logins: Logins, database_url: str, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An insert that hangs is given up in time, and the next one works on a connection of its own."""
    held = Connection.connect(database_url)
    held.execute("LOCK TABLE airudder.pushes IN ACCESS EXCLUSIVE MODE")

    async def run() -> None:
        fallback = Fallback(logins.web)
        with monkeypatch.context() as hurried:
            hurried.setattr("ingest.fallback.TIMEOUT_SECONDS", 0.5)
            with pytest.raises(NowhereToStoreError):
                await fallback.store([entry(push("c1"))])
        held.rollback()
        assert await fallback.is_reachable()
        await fallback.close()

    asyncio.run(run())
    held.close()


def test_lost_connection_is_replaced(logins: Logins, connection: Rows) -> None:
    """After the server has ended a connection, a later group is stored on a new one."""

    async def run() -> None:
        fallback = Fallback(logins.web)
        assert await fallback.is_reachable()
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()"
        )
        while not await fallback.is_reachable():
            pass
        await fallback.store([entry(push())])
        await fallback.close()

    asyncio.run(run())

    assert connection.execute("SELECT count(*) AS pushes FROM airudder.pushes").fetchone() == {"pushes": 1}
