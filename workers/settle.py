"""Settle: entries in, each with exactly one outcome committed. A bad push never takes its batch-mates down."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.errors import UniqueViolation
from rq.timeouts import BaseTimeoutException

from ingest.batch.entry import Entry
from ingest.errors import KeyAwayError, NotNowError, PostgresAwayError, RefusedError, UnknownKindError, describe
from ingest.kinds.normalise import dead
from ingest.opening.openers import normalise
from ingest.tables.rows import Normalised
from workers import statements
from workers.attempts import FIRST, Attempt
from workers.database import Database
from workers.keys_away import KeysAway
from workers.late import write_late
from workers.redeliveries import Told
from workers.write import OvertakenError, write, write_by_copy

COPY_FROM = 50
"""Pushes: for fewer, the statements of a COPY cost more than they save."""

TRIALS = 50
"""Where Postgres refuses so many pushes, and takes none, it refuses whatever comes: the others are spared the try."""
NAMED = 5
"""Pushes that wait and are logged by their id, each time; the others are counted"""
_NOT_THEIR_OWN = (MemoryError, OvertakenError, UniqueViolation, UnknownKindError)
"""What normalising or writing may raise through no fault of a push; an OSError, too, is a key's that is away."""
COLLISIONS = 5
"""How often a batch may meet bytes that another worker is about to normalise; each time some more are known."""

_Result = TypeVar("_Result")

_log = logging.getLogger("settle")

keys_away = KeysAway()
"""This process's"""


class _Failure(NamedTuple):
    """Why entries were not settled, in words fit for a log.

    Words rather than an exception: whatever is raised while one is handled carries it, text and all, into RQ's log.
    """

    words: str
    waits: type[RefusedError] | None
    """As what they wait; None if it can only be their own fault"""


def settle(database: Database, entries: Sequence[Entry], attempt: Attempt = FIRST) -> Counter[str]:
    """Normalise and write all entries in one transaction; one by one if something in them cannot be written.

    Returns how many came to which outcome. Raises PostgresAwayError when Postgres is, RefusedError when some of the
    entries have to wait while the others are settled, and RQ's time-out when normalising has had its time.
    """
    one_by_one = OneByOne(database, attempt)
    if keys_away.is_any_away():
        entries = one_by_one.spare(unsettled(database, entries) if attempt.through_redis else entries)
    tried = _try(database, entries, attempt)
    if not isinstance(tried, _Failure):
        return tried + one_by_one.end()
    _log.warning("a batch of %d is settled push by push: %s", len(entries), tried.words)
    # If that takes longer than the job has, another job goes on from here.
    for entry in unsettled(database, entries) if attempt.through_redis else entries:
        one_by_one.settle(entry)
    return one_by_one.end()


def settle_alone(database: Database, entry: Entry, attempt: Attempt = FIRST) -> str:
    """Settle one entry in a transaction of its own; what cannot be written, by its own fault and twice, becomes a dead
    letter. Returns its outcome. Raises RefusedError if it may not be its fault."""
    tried = _try(database, [entry], attempt)
    if isinstance(tried, _Failure) and not tried.waits:
        tried = _try(database, [entry], attempt)
    if not isinstance(tried, _Failure):
        (outcome,) = tried
        return outcome
    if tried.waits:
        raise tried.waits(tried.words)
    return bury(database, entry, f"could not be normalised: {tried.words}", attempt)


class OneByOne:
    """Settles entries alone, one after another; what is refused does not keep those behind it waiting."""

    def __init__(self, database: Database, attempt: Attempt = FIRST) -> None:
        self._database = database
        self._attempt = attempt
        self._outcomes: Counter[str] = Counter()
        self._refused: list[UUID] = []
        self._by_postgres = 0
        self._failed = defaultdict[str, list[float]](list)
        """By source, after how many seconds each push failed for want of a key, since one was opened"""
        self._why = "their source's key is away"

    def settle(self, entry: Entry) -> None:
        """Settle one. Raises RefusedError when Postgres has refused enough to tell that it would refuse the others."""
        if not self.spare([entry]):
            return
        begun = keys_away.clock()
        try:
            self._outcomes[settle_alone(self._database, entry, self._attempt)] += 1
            self._failed.pop(entry.source, None)
        except KeyAwayError as error:
            self._note(entry, str(error))
            self._failed[entry.source].append(keys_away.clock() - begun)
            keys_away.note(entry.source, self._failed[entry.source])
        except NotNowError as error:
            self._note(entry, str(error))
        except RefusedError as error:
            self._note(entry, str(error))
            self._by_postgres += 1
            if self._is_all_refused:
                raise self._waiting(RefusedError) from None

    def spare(self, entries: Sequence[Entry]) -> list[Entry]:
        """Those of which the keys are not away; the others have to wait, untried."""
        away = {source for source in {entry.source for entry in entries} if keys_away.is_away(source)}
        self._refused += [entry.uuid for entry in entries if entry.source in away]
        return [entry for entry in entries if entry.source not in away]

    def _note(self, entry: Entry, why: str) -> None:
        self._refused.append(entry.uuid)
        self._why = why
        if len(self._refused) <= NAMED:
            _log.warning("push %s waits: %s", entry.uuid, why, extra={"push": str(entry.uuid)})

    def end(self) -> Counter[str]:
        """How many came to which outcome. Raises RefusedError if Postgres refuses whatever comes, NotNowError if some
        wait for something else as well."""
        if self._refused:
            is_by_postgres = self._is_all_refused or self._by_postgres == len(self._refused)
            raise self._waiting(RefusedError if is_by_postgres else NotNowError)
        return self._outcomes

    @property
    def _is_all_refused(self) -> bool:
        """Whether Postgres refuses whatever comes, as far as that can be told."""
        return self._by_postgres >= TRIALS and not self._outcomes

    def _waiting(self, error: type[RefusedError]) -> RefusedError:
        return error(f"pushes that wait: {len(self._refused)}, {self._why}", self._refused)


def _try(database: Database, entries: Sequence[Entry], attempt: Attempt) -> Counter[str] | _Failure:
    """Settle entries: how many came to which outcome; if that cannot be done, why."""
    try:
        told = _write(database, [normalise(entry) for entry in entries], attempt)
        late = [_repeat(database, partial(write_late, late=one, attempt=attempt)) for one in told.late]
        return Counter([*(push.status for push in told.pushes), *late])
    except RefusedError as error:
        return _Failure(str(error), RefusedError)
    except (PostgresAwayError, BaseTimeoutException):
        raise
    except OSError as error:
        return _Failure(describe(error), KeyAwayError)
    except Exception as error:
        return _Failure(describe(error), NotNowError if isinstance(error, _NOT_THEIR_OWN) else None)


def _write(database: Database, batch: Sequence[Normalised], attempt: Attempt) -> Told:
    """Write a batch, but for the first deliveries that a retry has overtaken."""
    if attempt.through_redis and len(batch) >= COPY_FROM:
        with suppress(UniqueViolation):  # some were settled before, or another worker has the same bytes in hand
            return database.run(partial(write_by_copy, batch=batch, attempt=attempt))
    return _repeat(database, partial(write, batch=batch, attempt=attempt))


def _repeat(database: Database, work: Callable[[Connection[tuple[Any, ...]]], _Result]) -> _Result:
    """Run a transaction; anew where another worker has normalised the same bytes meanwhile, as it is seen then."""
    for _ in range(COLLISIONS):
        with suppress(UniqueViolation, OvertakenError):
            return database.run(work)
    return database.run(work)


def bury(database: Database, entry: Entry, why: str, attempt: Attempt = FIRST) -> str:
    """Record an entry as a dead letter; its outcome. Raises RefusedError if not even that can be written."""
    try:
        database.run(partial(write, batch=[dead(entry, why)], attempt=attempt))
    except psycopg.Error as error:
        raise RefusedError(f"Postgres refuses a dead letter: {describe(error)}") from None
    _log.warning("push %s is dead: %s", entry.uuid, why, extra={"push": str(entry.uuid)})
    return "dead"


def unsettled(database: Database, entries: Sequence[Entry]) -> list[Entry]:
    """Those entries of a batch that have no outcome yet."""
    where = {"times": [entry.received_at for entry in entries], "push_ids": [entry.uuid for entry in entries]}
    found = database.run(lambda connection: connection.execute(statements.FIND_SETTLED_PUSHES, where).fetchall())
    settled = {push_id for (push_id,) in found}
    return [entry for entry in entries if entry.uuid not in settled]
