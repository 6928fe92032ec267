"""The worker's Postgres connection: one, persistent; waits when Postgres is away; tells a bad row from a bad server."""

from __future__ import annotations

import logging
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import Connection
from psycopg.errors import CheckViolation, UniqueViolation
from rq.timeouts import BaseTimeoutException

from ingest import session
from ingest.errors import PostgresAwayError, RefusedError, describe
from ingest.urls import connection_options

_Result = TypeVar("_Result")

FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 3.0

_PASSES = ("08", "25", "28", "3D", "40", "53", "55", "57", "58")
"""Classes of SQLSTATE that time, or an administrator, cures whatever is written."""

_OF_DATA = ("22", "54")
"""Classes that come of values alone. 54 is that of a statement too large as well, which a push alone is not."""

_CLOSED = "pushes_default_excludes_"
"""How the CHECK is named that keeps a day's rows out of the default partition while the day's own is made"""

REFUSALS = 2
"""Tries of a transaction, each in a new session, when Postgres refuses it for a reason that is of neither kind"""

_NEVER = 2**31
"""Executions after which psycopg prepares a statement by itself. With None it prepares none, though told to."""

_log = logging.getLogger(__name__)


def is_datas_fault(error: psycopg.Error) -> bool:
    """Whether only the rows can be at fault, so that they would be refused another time too.

    What is not known to be so is not: a partition that was just attached, which is a CHECK without a name; a half-done
    migration; somebody's trigger; a damaged page.
    """
    if error.sqlstate is None:
        return isinstance(error, psycopg.DataError)  # psycopg itself cannot send a value
    if isinstance(error, CheckViolation):
        name = error.diag.constraint_name
        return name is not None and not name.startswith(_CLOSED)
    return error.sqlstate[:2] in _OF_DATA


def _passes(error: psycopg.Error) -> bool:
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return error.sqlstate[:2] in _PASSES


def _is_for_the_caller(error: psycopg.Error) -> bool:
    # A row that another worker has just written is no reason to try the same again.
    return is_datas_fault(error) or isinstance(error, UniqueViolation)


def _words(error: psycopg.Error) -> str:
    return str(error) if isinstance(error, UnfitServerError) else describe(error)


class UnfitServerError(psycopg.OperationalError):
    """The server answers, and cannot take what we write; the text says why, and holds nothing personal."""


def connect(url: str) -> Connection[tuple[Any, ...]]:
    """Connect, with a session that is ours; UnfitServerError if nothing can be written in it."""
    # What is not prepared on purpose is planned for its values.
    connection = psycopg.connect(url, connect_timeout=5, prepare_threshold=_NEVER, **connection_options(url))
    try:
        _check_fit(connection)
        connection.execute(session.set_up(session.WORKERS, connection.info.server_version))
        connection.autocommit = False
    except BaseException:
        connection.close()
        raise
    return connection


def _check_fit(connection: Connection[Any]) -> None:
    if why := session.unfit(connection.info.parameter_status):
        raise UnfitServerError(why)


@contextmanager
def pipelined(connection: Connection[Any]) -> Iterator[None]:
    """Send statements without waiting for the answers to earlier ones; psycopg's pipeline, but one that does not wait
    at its end when a job's time is over. A cursor's `rowcount` is known after the block."""
    with connection.pipeline() as pipeline:
        try:
            yield
            send_all(connection)
            pipeline.sync()  # all waiting is done in here, where a time-out is noticed
        except psycopg.Error:
            raise
        except BaseException:
            # A frozen server, or one that waits for a lock, would keep us here for ever.
            connection.close()
            raise


def send_all(connection: Connection[Any]) -> None:
    """Send everything that waits in a pipeline, and have it answered; to be called before any wait for an answer.

    psycopg tries once, and offers what a full socket did not take again only when an answer comes. If Postgres is
    waiting for the rest of a statement, none comes, and both wait for ever.
    """
    wire = connection.pgconn
    wire.send_flush_request()
    while wire.flush():
        readable, _, _ = select.select([wire.socket], [wire.socket], [])
        if readable:
            wire.consume_input()  # or Postgres, waiting for us to read, would not read either


class Database:
    """Runs transactions; connects on the first one, and again after a failure."""

    def __init__(self, url: str, patience_seconds: float) -> None:
        """`patience_seconds`: how long `run` may try again before it gives up."""
        self._url = url
        self._patience_seconds = patience_seconds
        self._connection: Connection[tuple[Any, ...]] | None = None
        self._away_since: float | None = None

    def run(
        self, work: Callable[[Connection[tuple[Any, ...]]], _Result], patience_seconds: float | None = None
    ) -> _Result:
        """Run `work` in one transaction and commit; again, with back-off, while the server is at fault.

        Raises PostgresAwayError when patience is over, or the job's time; its RefusedError when Postgres is there and
        refuses, and the data may not be at fault; and what `work` raises when it is, or when a row is there already.
        """
        try:
            return self._run_patiently(work, self._patience_seconds if patience_seconds is None else patience_seconds)
        except BaseTimeoutException:
            # A lock that somebody holds, or a frozen server: not the fault of what was to be written.
            raise PostgresAwayError("Postgres did not answer in the job's time") from None

    def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection:
            connection.close()

    def _run_patiently(self, work: Callable[[Connection[tuple[Any, ...]]], _Result], patience: float) -> _Result:
        deadline = time.monotonic() + patience
        wait, refusals = FIRST_WAIT_SECONDS, 0
        while True:
            try:
                return self._once(work)
            except psycopg.Error as error:
                if _is_for_the_caller(error):
                    raise
                # Raised without their cause, whose text may hold a row: RQ shows a failed job's traceback.
                if not _passes(error):
                    refusals += 1
                    if refusals >= REFUSALS:
                        raise RefusedError(f"Postgres refuses: {describe(error)}") from None
                    continue
                if time.monotonic() + wait > deadline:
                    raise PostgresAwayError(f"Postgres is away: {_words(error)}") from None
                self._note_absence(error)
            time.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    def _once(self, work: Callable[[Connection[tuple[Any, ...]]], _Result]) -> _Result:
        if self._connection is None:
            self._connection = connect(self._url)
        try:
            result = work(self._connection)
            self._connection.commit()
        except BaseException as error:
            self._recover(error)
            raise
        self._note_presence()
        return result

    def _note_absence(self, error: psycopg.Error) -> None:
        """Say so once, however often it is tried."""
        if self._away_since is None:
            self._away_since = time.monotonic()
            _log.warning("Postgres is away, trying again: %s", _words(error))

    def _note_presence(self) -> None:
        if self._away_since is not None:
            _log.warning("Postgres is back, after %.1f s", time.monotonic() - self._away_since)
            self._away_since = None

    def _recover(self, error: BaseException) -> None:
        # A rollback waits for the server's answer, which a frozen one never gives: closing ends it just as well.
        assert self._connection
        if isinstance(error, psycopg.Error) and _is_for_the_caller(error) and not self._connection.closed:
            self._connection.rollback()
        else:
            self.close()
