"""Postgres, as `ingest doctor` sees it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import Connection

from ingest import session
from ingest.batch import installation
from ingest.clocks import ClockReading
from ingest.errors import PostgresAwayError
from ingest.settings import Settings
from ingest.web.fallback import TELL_TIME
from ops import in_flight, probes, queries
from ops.connections import connections_needed
from ops.doctor import encryption, tables_checks
from ops.doctor.findings import Finding, change, clock, good, note, notes

NEARLY_ALL = 0.9
"""From this share of the server's connections on there is a note, as there is an alarm"""

_Connection = Connection[queries.Row]


def check(current: Settings) -> Iterator[Finding]:
    """Check the server at DATABASE_URL; PostgresAwayError if it does not answer."""
    with queries.connect(current) as connection:
        yield from notes(encryption.of_postgres(connection))
        yield good(f"Postgres {connection.info.server_version // 10000}")
        if why := session.unfit(connection.info.parameter_status, connection.info.server_version):
            yield change(f"DATABASE_URL: {why}")
        yield from _pooler(current, connection)
        yield from _durability(connection)
        yield _clock(connection)
        yield from _connections(current, connection)
        exist = queries.one(connection, queries.TABLES_EXIST)["exist"]
        yield Finding(exist, "the tables are there" if exist else "the tables are missing: run `ingest migrate`")
        if exist:
            yield from tables_checks.check(connection)
            yield from notes(_rights(connection))
            yield _push(connection)  # last: the connection is ended if it takes too long


def check_installation(current: Settings) -> Iterator[Finding]:
    """Whether the batches in Redis are for this database."""
    with queries.connect(current) as connection, in_flight.connect(current) as client:
        try:
            told = queries.one(connection, installation.TELL_INSTALLATION)["installation"]
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidSchemaName):
            return  # web's user needs no such right, and tables that are missing are told in their place
        except psycopg.errors.UndefinedFunction:
            yield change("the tables are of an older version: run `ingest migrate`")
            return
        if installation.is_anothers(client, told):
            yield change(installation.MIXED)


def _pooler(current: Settings, connection: _Connection) -> Iterator[Finding]:
    """Look for a pooler that is not in session mode: a session's settings, and the sweeper's lock, fail in it."""
    try:
        with queries.connect(current) as other:
            are_shared = session.share_backends(lambda: _backend(connection), lambda: _backend(other))
    except PostgresAwayError as error:
        yield change(f"DATABASE_URL takes no second connection: {error}")
        return
    if are_shared:
        yield change(f"DATABASE_URL: {session.POOLED}")


def _backend(connection: _Connection) -> int:
    with connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
        row: tuple[Any, ...] | None = cursor.execute(session.BACKEND).fetchone()
    assert row, "the statement gives one row"
    return int(row[0])


def _durability(connection: _Connection) -> Iterator[Finding]:
    for row in connection.execute(queries.DURABILITY):
        is_off = row["setting"] == "off"
        advice = ": committed pushes could be lost; switch it on" if is_off else ""
        yield Finding(not is_off, f"Postgres {row['name']} is {row['setting']}{advice}")


def _clock(connection: _Connection) -> Finding:
    asked = time.time()
    told = queries.one(connection, TELL_TIME)["clock_timestamp"]
    return clock("Postgres", ClockReading.since(asked, told.timestamp()))


def _connections(current: Settings, connection: _Connection) -> Iterator[Finding]:
    """Whether there are as many as this host's processes need, by the settings in this shell."""
    needed = connections_needed(current)
    for limit in connection.execute(queries.CONNECTION_LIMITS):
        if 0 <= limit["connections"] < needed:
            yield change(
                f"{limit['whose']} allows {limit['connections']} connections, and {needed} may be needed at once "
                "(docs/production.md): raise it"
            )
    server = queries.one(connection, queries.CONNECTIONS)
    if server["used"] > NEARLY_ALL * server["allowed"]:
        yield note(f"{server['used']} of the server's {server['allowed']} connections are in use: whose are they?")


def _rights(connection: _Connection) -> Iterator[str]:
    login = queries.one(connection, queries.LOGIN)
    if login["may_everything"]:
        yield f"DATABASE_URL's user {login['name']} may do everything: web and workers need less (docs/production.md)"
    if idle := [row["name"] for row in connection.execute(queries.ROLES_WITHOUT_RIGHTS)]:
        yield f"without rights: {', '.join(idle)}; as an administrator CREATE ROLE … NOLOGIN, then run `ingest migrate`"


def _push(connection: _Connection) -> Finding:
    """Store a push as web does while Redis is away, and take it back."""
    if why := probes.put_in_postgres(connection):
        return change(f"Postgres would take no push: {why}")
    return good("Postgres takes pushes")
