"""The worker's one connection to Postgres: it waits while Postgres is away, and tells bad rows from a bad server."""

from __future__ import annotations

import logging
import re
import select
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import Connection
from psycopg.errors import CheckViolation, LockNotAvailable, UniqueViolation
from rq.timeouts import BaseTimeoutException

from ingest import session
from ingest.errors import LockedError, PostgresAwayError, RefusedError, describe
from ingest.urls import connection_options
from workers.statements import WAIT_FOR_LOCKS_BRIEFLY

_Result = TypeVar("_Result")

FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 3.0

_PASSES = ("08", "25", "28", "3D", "40", "53", "55", "57", "58")
"""Classes of SQLSTATE that do not depend on what is written: they pass, or an administrator acts."""

_OF_DATA = ("22", "54")
"""Classes of SQLSTATE that come of values alone. 54 is also that of too large a statement, which no single push is."""

_CLOSED = "pushes_default_excludes_"
"""How the name begins of a CHECK that keeps a day's rows out of the default partition while its own one is made"""

_LANGUAGES = re.compile("""[^:"'$\n]*(?:PL/|SQL)""")
"""By which the context of an error tells that a function ran, as in `PL/pgSQL function f() line 1`. These names are the
same in each language of Postgres's messages, which its administrator chooses. A quotation behind may be a push's."""

REFUSALS = 2
"""How often a transaction is tried, each time in a new session, when its SQLSTATE is in none of these classes"""

_NEVER = 2**31
"""After so many executions psycopg prepares a statement by itself. None is no way to say never: it would then prepare
none at all, also where `prepare=True` asks for it."""

_log = logging.getLogger("postgres")


def is_datas_fault(error: psycopg.Error) -> bool:
    """Whether only the rows can be at fault, so that Postgres would refuse them another time too.

    False for everything that is not known to be so, such as half a migration, a trigger of the operator's or a damaged
    page. A partition that has just been attached gives a CheckViolation too, one without a name.
    """
    if error.sqlstate is None:
        return isinstance(error, psycopg.DataError)  # psycopg itself cannot send a value
    if is_of_a_function(error.diag.context):
        return False
    if isinstance(error, CheckViolation):
        name = error.diag.constraint_name
        return name is not None and not name.startswith(_CLOSED)
    return error.sqlstate[:2] in _OF_DATA


def is_of_a_function(context: str | None) -> bool:
    """Whether a function has met an error. No row of ours needs one to be written: it is a trigger's."""
    return context is not None and _LANGUAGES.match(context) is not None


def _passes(error: psycopg.Error) -> bool:
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return error.sqlstate[:2] in _PASSES


def _is_for_the_caller(error: psycopg.Error) -> bool:
    # A row that another worker has just written is no reason to try the same again.
    return is_datas_fault(error) or isinstance(error, UniqueViolation)


def _words(error: psycopg.Error) -> str:
    return str(error) if isinstance(error, UnfitServerError) else describe(error)


def _refused(error: psycopg.Error) -> RefusedError:
    where = ", in a function of the database" if is_of_a_function(error.diag.context) else ""
    return RefusedError(f"Postgres refuses: {describe(error)}{where}")


class UnfitServerError(psycopg.OperationalError):
    """The server answers, but cannot store what we write. The text says why, and holds nothing personal."""


def connect(url: str, settings: Mapping[str, str] = session.WORKERS) -> Connection[tuple[Any, ...]]:
    """Connect, with a session that is ours; UnfitServerError if nothing can be written in it."""
    # Only statements that we prepare have one plan for all values; each other is planned for the values it has.
    connection = psycopg.connect(url, connect_timeout=5, prepare_threshold=_NEVER, **connection_options(url))
    try:
        _check_fit(connection)
        connection.execute(session.set_up(settings, connection.info.server_version))
        connection.autocommit = False
    except BaseException:
        connection.close()
        raise
    return connection


def _check_fit(connection: Connection[Any]) -> None:
    if why := session.unfit(connection.info.parameter_status, connection.info.server_version):
        raise UnfitServerError(why)


@contextmanager
def pipelined(connection: Connection[Any]) -> Iterator[None]:
    """Send the statements of the block without waiting for the answers to earlier ones.

    It is psycopg's pipeline, which waits for all answers at its end. Here that wait ends when a job's time is over.
    A cursor's `rowcount` is known after the block.
    """
    with connection.pipeline() as pipeline:
        try:
            yield
            send_all(connection)
            pipeline.sync()  # wait here, where the exception of a job's alarm is handled
        except psycopg.Error:
            raise
        except BaseException:
            # psycopg would wait on leaving its pipeline, and for ever if the server is frozen or waits for a lock.
            connection.close()
            raise


def send_all(connection: Connection[Any]) -> None:
    """Send all statements of a pipeline to the last byte, and ask for their answers. Call it before waiting for one.

    psycopg sends the rest of a full socket only when an answer comes. Postgres, which waits for that rest, gives none,
    so both would wait for ever.
    """
    wire = connection.pgconn
    wire.send_flush_request()
    while wire.flush():
        readable, _, _ = select.select([wire.socket], [wire.socket], [])
        if readable:
            wire.consume_input()  # Postgres stops reading while its own answers are not read


class Database:
    """Runs transactions; connects on the first one, and again after a failure."""

    def __init__(self, url: str, patience_seconds: float, settings: Mapping[str, str] = session.WORKERS) -> None:
        """`patience_seconds`: how long `run` may try again before it gives up. `settings`: of its sessions."""
        self._url = url
        self._settings = settings
        self._patience_seconds = patience_seconds
        self._connection: Connection[tuple[Any, ...]] | None = None
        self._away_since: float | None = None
        self._waits_briefly = False

    def run(
        self, work: Callable[[Connection[tuple[Any, ...]]], _Result], patience_seconds: float | None = None
    ) -> _Result:
        """Run `work` in one transaction and commit; try again, with longer and longer pauses, while the server is away.

        Raises PostgresAwayError when patience, or the job's time, is over, and its LockedError for want of a lock.
        Raises RefusedError when Postgres refuses for a reason that may not lie in the data. Raises what `work` raises
        if it does, or if a row is there already.
        """
        try:
            return self._run_patiently(work, self._patience_seconds if patience_seconds is None else patience_seconds)
        except BaseTimeoutException:
            # The time went by in waiting for a lock or a frozen server, so the rows are not at fault.
            raise PostgresAwayError("Postgres did not answer in the job's time") from None

    @contextmanager
    def waiting_briefly(self) -> Iterator[None]:
        """In the block whatever meets a lock is refused, almost at once: its writer can tell what meets it."""
        self._waits_briefly = True
        try:
            yield
        finally:
            self._waits_briefly = False

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
                # All are raised without their cause, whose text may hold a row: RQ shows a failed job's traceback.
                is_lock = isinstance(error, LockNotAvailable)
                if is_lock and self._waits_briefly:
                    raise RefusedError(f"somebody holds a lock: {describe(error)}") from None
                if not _passes(error):
                    refusals += 1
                    if refusals >= REFUSALS:
                        raise _refused(error) from None
                    continue
                if time.monotonic() + wait > deadline:
                    away = LockedError if is_lock else PostgresAwayError
                    raise away(f"Postgres is away: {_words(error)}") from None
                self._note_absence(error)
            time.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    def _once(self, work: Callable[[Connection[tuple[Any, ...]]], _Result]) -> _Result:
        if self._connection is None:
            self._connection = connect(self._url, self._settings)
        try:
            if self._waits_briefly:
                self._connection.execute(WAIT_FOR_LOCKS_BRIEFLY)
            result = work(self._connection)
            self._connection.commit()
        except BaseException as error:
            self._recover(error)
            raise
        self._note_presence()
        return result

    def _note_absence(self, error: psycopg.Error) -> None:
        """Log it once, however often it is tried."""
        if self._away_since is None:
            self._away_since = time.monotonic()
            _log.warning("Postgres is away, trying again: %s", _words(error))

    def _note_presence(self) -> None:
        if self._away_since is not None:
            _log.info("Postgres is back, after %.1f s", time.monotonic() - self._away_since)
            self._away_since = None

    def _recover(self, error: BaseException) -> None:
        # Closing ends the transaction as a rollback does, and does not wait for the answer of a frozen server. A lock
        # that is not had is told by one that answers; the sweeper's own lock lasts as long as its session.
        assert self._connection
        is_answered = isinstance(error, LockNotAvailable) or (
            isinstance(error, psycopg.Error) and _is_for_the_caller(error)
        )
        if is_answered and not self._connection.closed:
            self._connection.rollback()
        else:
            self.close()
