"""Connecting: a Postgres session of a command, or soon the reason why there is none."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import dict_row

from ingest import session
from ingest.errors import PostgresAwayError, SettingError
from ingest.urls import connection_options

ANSWER_SECONDS = 2
"""How long a server may take to let us in: who asks by a command is told soon that it does not."""

_Connection = Connection[dict[str, Any]]


def connection_to(url: str) -> _Connection:
    """A connection, set up as ours. PostgresAwayError says why there is none, without the URL's password."""
    connection = None
    try:
        connection = _opened(url)
        with ended_after(connection, ANSWER_SECONDS):
            connection.execute(session.set_up(session.COMMANDS, connection.info.server_version))
    except psycopg.Error as error:
        if connection:
            connection.close()
        reason = "; ".join(line.strip() for line in str(error).splitlines() if line.strip())
        raise PostgresAwayError(f"cannot connect to DATABASE_URL: {reason}") from None
    return connection


def _opened(url: str) -> _Connection:
    try:
        options: dict[str, Any] = {**connection_options(url), "row_factory": dict_row}
        # A plan that is made for any values, as of a statement that is prepared, reads whole tables and locks all days.
        return psycopg.connect(url, connect_timeout=ANSWER_SECONDS, prepare_threshold=None, **options)
    except psycopg.ProgrammingError:
        # Its text quotes the URL, password and all.
        raise SettingError("DATABASE_URL has a parameter that cannot be read") from None


@contextmanager
def ended_after(connection: Connection[Any], seconds: float) -> Iterator[None]:
    """End the connection if what is done in here takes longer: a frozen server, or a pooler before it, says nothing,
    and psycopg waits. The statement then fails with an OperationalError."""
    timer = threading.Timer(seconds, _hang_up, [connection.fileno()])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _hang_up(descriptor: int) -> None:
    # A duplicate of the descriptor shares the socket, and is ours to close.
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as wire:
        wire.shutdown(socket.SHUT_RDWR)
