"""Storing pushes in Postgres while Redis is away."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ingest.errors import NowhereToStoreError, TooSlowError
from ingest.web import fallback as fallback_module
from ingest.web import spare_connection
from ingest.web.fallback import Fallback, why_not
from tests.logins import Logins
from tests.processes import DEADLINE_SECONDS, wait_until
from tests.pushes import entry, push, signed

Rows = Connection[dict[str, Any]]

SLOWNESS = 10
"""How much longer than in earnest all limits are, so that a machine with other things to do reaches none of them"""
TIMEOUT_SECONDS = SLOWNESS * fallback_module.TIMEOUT_SECONDS
SPARE_SECONDS = SLOWNESS * spare_connection.SPARE_SECONDS
HOST_SECONDS = SLOWNESS * spare_connection.HOST_SECONDS


@pytest.fixture(autouse=True)
def slowness(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits stand to each other as web has them."""
    monkeypatch.setattr(fallback_module, "TIMEOUT_SECONDS", TIMEOUT_SECONDS)
    monkeypatch.setattr(spare_connection, "SPARE_SECONDS", SPARE_SECONDS)
    monkeypatch.setattr(spare_connection, "HOST_SECONDS", HOST_SECONDS)


def with_fallback(url: str, work: Callable[[Fallback], Awaitable[None]]) -> None:
    """Run `work` on a fallback."""

    async def run() -> None:
        fallback = Fallback(url)
        try:
            await work(fallback)
        finally:
            await fallback.close()

    asyncio.run(run())


def stored(connection: Rows) -> int:
    """How many pushes there are."""
    (row,) = connection.execute("SELECT count(*) AS pushes FROM airudder.pushes")
    return int(row["pushes"])


def sessions_of_web(connection: Rows, logins: Logins) -> list[int]:
    """The server's processes that serve web."""
    user = conninfo_to_dict(logins.web)["user"]
    rows = connection.execute("SELECT pid FROM pg_stat_activity WHERE usename = %s", [user]).fetchall()
    return [row["pid"] for row in rows]


def only_session_of_web(connection: Rows, logins: Logins) -> int:
    """The one process that serves it, once others have ended: that takes a while after their connections have."""
    (pid,) = wait_until(
        lambda: found if len(found := sessions_of_web(connection, logins)) == 1 else [], "one session is left"
    )
    return pid


def test_store_keeps_pending_rows(logins: Logins, connection: Rows) -> None:
    """A group becomes pending rows, byte for byte; storing it again changes nothing."""
    entries = [signed(entry(push("c1"))), entry(b"not json \xff")]

    async def work(fallback: Fallback) -> None:
        await fallback.store(entries)
        await fallback.store(entries)

    with_fallback(logins.web, work)

    rows = connection.execute("SELECT * FROM airudder.pushes ORDER BY push_id").fetchall()
    assert [(row["push_id"], row["received_at"], row["body"], row["signature"], row["status"]) for row in rows] == [
        (one.uuid, one.received_at, one.body, one.signature, "pending") for one in entries
    ]


def test_postgres_away_is_said(connection: Rows) -> None:
    """Without Postgres the sender is told at once."""

    async def work(fallback: Fallback) -> None:
        for _ in range(2):
            with pytest.raises(NowhereToStoreError):
                await fallback.store([entry(push())])
        with pytest.raises(psycopg.OperationalError) as caught:
            await fallback.probe()
        assert why_not(caught.value) == "does not answer"

    with_fallback("postgresql://nobody@127.0.0.1:1/none", work)


def test_unforeseen_error_is_said() -> None:
    """What neither psycopg nor the system raises, as of a host that Python cannot encode, is a refusal too."""

    async def work(fallback: Fallback) -> None:
        with pytest.raises(NowhereToStoreError):
            await fallback.store([entry(push())])
        with pytest.raises(UnicodeError) as caught:
            await fallback.probe()
        assert why_not(caught.value) == "does not answer"

    with_fallback("postgresql://nobody@a..b/none", work)


def test_probe_leaves_nothing(logins: Logins, connection: Rows) -> None:
    """A probe is no push: nothing of it is stored, and no connection of it stays."""

    async def work(fallback: Fallback) -> None:
        await fallback.probe()
        wait_until(lambda: not sessions_of_web(connection, logins), "the probe's session is over")
        assert stored(connection) == 0
        await fallback.store([entry(push())])
        await fallback.probe()
        assert only_session_of_web(connection, logins)

    with_fallback(logins.web, work)
    assert stored(connection) == 1


def test_locked_table_does_not_hold_answer(logins: Logins, database_url: str, connection: Rows) -> None:
    """An insert that hangs is given up in time, those that come next are refused at once, and as soon as a row could be
    stored they are stored."""
    held = Connection.connect(database_url)

    async def work(fallback: Fallback) -> None:
        await fallback.store([entry(push("c0"))])
        held.execute("LOCK TABLE airudder.pushes IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        for refusal in (TooSlowError, NowhereToStoreError):
            with pytest.raises(refusal):
                await fallback.store([entry(push("c1"))])
        assert TIMEOUT_SECONDS <= time.monotonic() - began < 2 * TIMEOUT_SECONDS
        held.rollback()
        await until_stored(fallback, TIMEOUT_SECONDS)

    with_fallback(logins.web, work)
    held.close()


def test_silent_host_is_passed(logins: Logins, connection: Rows) -> None:
    """Of several hosts one that is down and silent, and one that refuses, leave the primary its time."""
    there = conninfo_to_dict(logins.web)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hosts = f"127.0.0.1,127.0.0.1,{there['host']}"
        ports = f"{silent.getsockname()[1]},1,{there['port']}"

        async def work(fallback: Fallback) -> None:
            began = time.monotonic()
            await fallback.store([entry(push("c0"))])
            assert HOST_SECONDS <= time.monotonic() - began < TIMEOUT_SECONDS

        with_fallback(make_conninfo("", **{**there, "host": hosts, "port": ports}), work)
    assert stored(connection) == 1


def test_right_that_lacks_is_said_of_several_hosts(logins: Logins, connection: Rows) -> None:
    """Why the primary refuses is said, not that another host does not answer."""
    there = conninfo_to_dict(logins.analyst)
    hosts, ports = f"{there['host']},127.0.0.1", f"{there['port']},1"

    async def work(fallback: Fallback) -> None:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await fallback.probe()

    with_fallback(make_conninfo("", **{**there, "host": hosts, "port": ports}), work)


def test_slow_insert_is_stored(logins: Logins, database_url: str, connection: Rows) -> None:
    """An insert that takes longer than the spare connection is left alone with it is not cut off for that."""
    held = Connection.connect(database_url)

    async def work(fallback: Fallback) -> None:
        await fallback.store([entry(push("c0"))])
        held.execute("LOCK TABLE airudder.pushes IN ACCESS EXCLUSIVE MODE")
        asyncio.get_running_loop().call_later((SPARE_SECONDS + TIMEOUT_SECONDS) / 2, held.rollback)
        await fallback.store([entry(push("c1"))])

    with_fallback(logins.web, work)
    held.close()
    assert stored(connection) == 2


def test_probe_commits(logins: Logins, connection: Rows) -> None:
    """Where no commit comes to its end, as a standby that has to have it is away, a probe does not either."""

    connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    connection.execute("SELECT pg_reload_conf()")
    try:
        with_fallback(logins.web, partial(until_probed, comes_to_its_end=False))
    finally:
        connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
        connection.execute("SELECT pg_reload_conf()")
        with_fallback(logins.web, partial(until_probed, comes_to_its_end=True))


async def until_probed(fallback: Fallback, *, comes_to_its_end: bool) -> None:
    """Probe until one does, or does not: Postgres's checkpointer reads a setting for all commits, in its own time."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        try:
            await fallback.probe()
        except TimeoutError:
            if not comes_to_its_end:
                return
        else:
            if comes_to_its_end:
                return
    pytest.fail("the setting is not read")


async def until_stored(fallback: Fallback, seconds: float) -> None:
    """Store a push; it may be refused for so long."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            await fallback.store([entry(push("c2"))])
        except NowhereToStoreError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        else:
            return


def test_lost_connection_is_replaced(logins: Logins, connection: Rows) -> None:
    """After the server has ended the connection that was kept, the very next group is stored on a fresh one."""

    async def work(fallback: Fallback) -> None:
        await fallback.store([entry(push("c0"))])
        pid = only_session_of_web(connection, logins)
        connection.execute("SELECT pg_terminate_backend(%s)", [pid])
        wait_until(lambda: not sessions_of_web(connection, logins), "the session is gone")
        await fallback.store([entry(push())])

    with_fallback(logins.web, work)
    assert stored(connection) == 2


@pytest.mark.skipif("TEST_DATABASE_URL" in os.environ, reason="the server's processes may be another machine's")
def test_silent_connection_is_replaced(logins: Logins, connection: Rows) -> None:
    """A connection whose other end has fallen silent is given a part of the time; the group is stored in the rest."""

    async def work(fallback: Fallback) -> None:
        await fallback.store([entry(push("c0"))])
        pid = only_session_of_web(connection, logins)
        os.kill(pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            await fallback.store([entry(push())])
            assert SPARE_SECONDS <= time.monotonic() - began < TIMEOUT_SECONDS
        finally:
            os.kill(pid, signal.SIGCONT)

    with_fallback(logins.web, work)
    assert stored(connection) >= 2
