"""A dry run of a replay: workers' own writing, in transactions that are rolled back, with each row before and after.

Each portion is looked at by itself. Its rows are locked for a moment, and no lock is waited for longer than 200 ms.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.errors import DeadlockDetected, LockNotAvailable, UniqueViolation

from ingest.batch.entry import Entry, stored_entry
from ingest.errors import PostgresAwayError, UnknownKindError, describe
from ingest.opening.openers import normalise
from ingest.tables import TABLE_OF, TABLES
from ingest.tables.rows import Normalised
from ingest.tables.table import VERSION, Key, Table
from workers.attempts import Attempt
from workers.database import connect, is_datas_fault, is_of_a_function
from workers.late import write_late
from workers.selection import Selection
from workers.statements import WAIT_FOR_LOCKS_BRIEFLY
from workers.sweeper.replay_statements import FIND_OUTCOMES
from workers.write import OvertakenError, write

PORTION = 20
"""Pushes whose rows are locked together"""
MOST_PUSHES = 1000
"""As many are looked at unless more are asked for: each costs what its replay costs."""
MOST_CHANGES = 20
"""Rows that are shown; all are counted"""
TRIES = 3
NEW_ROW = "(new row)"

_CHOOSE: LiteralString = """
SELECT push_id, received_at, source, kind, body, signature, status, callee_number, call_id FROM airudder.pushes
WHERE {where} AND received_at >= %(after_received_at)s
  AND (received_at, push_id) > (%(after_received_at)s, %(after_push_id)s)
ORDER BY received_at, push_id LIMIT %(portion)s
"""

_MAKE_PENDING: LiteralString = """
UPDATE airudder.pushes AS stored SET status = 'pending', normalised_at = NULL, error = NULL, error_path = NULL
FROM unnest(%(times)s::timestamptz[], %(push_ids)s::uuid[], %(statuses)s::text[]) AS one (received_at, push_id, status)
WHERE stored.received_at = one.received_at AND stored.push_id = one.push_id AND stored.status = one.status
RETURNING stored.push_id
"""
"""Unless a worker or an operator has come first."""

_Connection = Connection[tuple[Any, ...]]
_Row = dict[str, str | None]
_Rows = dict[tuple[Table, Key], _Row]


@dataclass(frozen=True)
class RowChange:
    """A row that would be another one; each value as Postgres's text."""

    table: Table
    key: dict[str, str | None]
    before: _Row | None
    """The columns that would change; None where there is no row yet"""
    after: _Row


@dataclass(frozen=True)
class RowLeft:
    """A row whose newest news is from a push that would tell nothing of it any more, as its key reads otherwise now."""

    table: Table
    key: dict[str, str | None]


@dataclass
class DryRun:
    """The effect that a replay of these pushes would have."""

    pushes: int = 0
    """How many were looked at"""
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Pushes, by status before and after"""
    causes: Counter[str] = field(default_factory=Counter)
    """Those that would be dead, by error"""
    columns: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Rows that would change, by table and column, or NEW_ROW"""
    changes: list[RowChange] = field(default_factory=list)
    """The first MOST_CHANGES of them"""
    left: list[RowLeft] = field(default_factory=list)
    """Rows that stay though their push would tell nothing of them any more"""
    locked: int = 0
    """Pushes that could not be looked at, as workers were at their rows"""


def dry_run(database_url: str, selection: Selection) -> DryRun:
    """Look at the pushes that are meant, MOST_PUSHES at most unless the selection has a limit. Raises
    PostgresAwayError."""
    try:
        with closing(connect(database_url)) as connection:
            look = _Look(connection, selection)
            look.run(selection.limit or MOST_PUSHES)
    except psycopg.Error as error:
        raise PostgresAwayError(f"Postgres refuses a statement: {describe(error)}") from None
    return look.found


class _Push(NamedTuple):
    """A push that is meant, as it is."""

    entry: Entry
    status: str
    callee_number: str | None
    call_id: str | None
    """As it was read when it was normalised"""


def oldest(
    connection: _Connection, selection: Selection, place: tuple[datetime, UUID], portion: int
) -> list[tuple[Any, ...]]:
    """The rows of the oldest pushes that are meant behind a place, in a transaction that is left open."""
    where = {**selection.parameters(), "portion": portion}
    where["after_received_at"], where["after_push_id"] = place
    # How many are alike, nobody has told the planner: it expects a few, and would read and sort all that are dead.
    connection.execute("SET LOCAL enable_sort = off")
    return connection.execute(_CHOOSE.format(where=selection.where()).encode(), where).fetchall()


class _Look:
    """One look at a selection, from the oldest push on."""

    def __init__(self, connection: _Connection, selection: Selection) -> None:
        self.found = DryRun()
        self._connection = connection
        self._selection = selection
        self._seen: set[tuple[str, Key, str]] = set()

    def run(self, most: int) -> None:
        """Look at so many."""
        place = (datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))
        left = most
        while left and (pushes := self._choose(place, min(PORTION, left))):
            if not self._try(pushes):
                for push in pushes:
                    self._try([push])
            left -= len(pushes)
            place = (pushes[-1].entry.received_at, pushes[-1].entry.uuid)

    def _choose(self, place: tuple[datetime, UUID], portion: int) -> list[_Push]:
        rows = oldest(self._connection, self._selection, place, portion)
        self._connection.rollback()
        return [_Push(stored_entry(*row[:6]), *row[6:]) for row in rows]

    def _try(self, pushes: list[_Push]) -> bool:
        """Look at some; false if one of several cannot be written, or workers are at their rows."""
        for _ in range(TRIES):
            try:
                self._look_at(pushes)
            except (LockNotAvailable, DeadlockDetected, UniqueViolation, OvertakenError):
                continue
            except Exception as error:  # of any kind, as workers do
                return self._blame(pushes, error)
            else:
                return True
            finally:
                self._connection.rollback()
        self.found.locked += len(pushes) == 1
        return False

    def _blame(self, pushes: list[_Push], error: Exception) -> bool:
        """Count a push that cannot be written; false if there are several, of which it may be any."""
        is_of_trigger = isinstance(error, psycopg.Error) and is_of_a_function(error.diag.context)
        if isinstance(error, psycopg.Error) and not (is_of_trigger or is_datas_fault(error)):
            raise error
        if len(pushes) > 1:
            return False
        if is_of_trigger or isinstance(error, UnknownKindError | MemoryError | OSError):
            self._count(pushes[0], "pending")
        else:
            self._count(pushes[0], "dead", f"could not be normalised: {describe(error)}")
        return True

    def _look_at(self, pushes: list[_Push]) -> None:
        self._connection.execute(WAIT_FOR_LOCKS_BRIEFLY)
        times, push_ids = [one.entry.received_at for one in pushes], [one.entry.uuid for one in pushes]
        where = {"times": times, "push_ids": push_ids, "statuses": [one.status for one in pushes]}
        free = {push_id for (push_id,) in self._connection.execute(_MAKE_PENDING, where)}
        batch = [normalise(one.entry) for one in pushes if one.entry.uuid in free]
        keys, attempt = _keys_of(batch), Attempt(through_redis=False)
        before = _read(self._connection, keys)
        for late in write(self._connection, batch, attempt).late:
            write_late(self._connection, late, attempt)
        after = _read(self._connection, keys)
        outcomes = {
            push_id: (status, error) for push_id, status, error in self._connection.execute(FIND_OUTCOMES, where)
        }
        for push in pushes:
            if push.entry.uuid in free:
                self._count(push, *outcomes[push.entry.uuid])
        for place, row in after.items():
            self._compare(*place, before.get(place), row)
        self.found.left += _read_left(self._connection, [one for one in pushes if one.entry.uuid in free], keys)

    def _count(self, push: _Push, status: str, error: str | None = None) -> None:
        self.found.pushes += 1
        self.found.outcomes[push.status, status] += 1
        if status == "dead" and error:
            self.found.causes[error] += 1

    def _compare(self, table: Table, key: Key, before: _Row | None, after: _Row) -> None:
        """A row that several portions would change is counted once, and so is each of its columns."""
        names = [name for name in table.columns[table.end_of_key :] if name not in VERSION]
        changed = [name for name in names if before and before[name] != after[name]] if before else [NEW_ROW]
        new = [name for name in changed if (table.name, key, name) not in self._seen]
        self._seen |= {(table.name, key, name) for name in new}
        self.found.columns.update((table.name, name) for name in new)
        if new and len(self.found.changes) < MOST_CHANGES:
            shown = [name for name in names if after[name] is not None] if before is None else changed
            old = before and {name: before[name] for name in shown}
            named = {name: after[name] for name in table.key}
            self.found.changes.append(RowChange(table, named, old, {name: after[name] for name in shown}))


def _keys_of(batch: Iterable[Normalised]) -> dict[Table, list[Key]]:
    keys: defaultdict[Table, set[Key]] = defaultdict(set)
    for one in batch:
        for row in one.rows:
            table = TABLE_OF[type(row)]
            keys[table].add(table.key_of(row))
    return {table: list(of_table) for table, of_table in keys.items()}


def _read(connection: _Connection, keys: dict[Table, list[Key]]) -> _Rows:
    """The rows of these keys, each value as Postgres's text: there are times that Python does not know."""
    found: _Rows = {}
    for table, of_table in keys.items():
        columns = ", ".join(f"stored.{name}::text" for name in table.columns)
        key = ", ".join(table.key)
        arrays = ", ".join(f"%s::{table.types[name]}[]" for name in table.key)
        statement = (
            f"SELECT number, {columns} FROM unnest({arrays}) WITH ORDINALITY AS one ({key}, number) "  # noqa: S608
            f"JOIN airudder.{table.name} AS stored USING ({key})"
        )
        values = [list(column) for column in zip(*of_table, strict=True)]
        for number, *row in connection.execute(statement.encode(), values):
            found[table, of_table[number - 1]] = dict(zip(table.columns, row, strict=True))
    return found


def _read_left(connection: _Connection, pushes: Iterable[_Push], keys: dict[Table, list[Key]]) -> Iterator[RowLeft]:
    """The rows that have the version of one of these pushes, and no key that it tells now: a callee's and a call's."""
    for name in ("callee_number", "call_id"):
        named = [(one.entry.source, getattr(one, name), one.entry.uuid) for one in pushes if getattr(one, name)]
        values = [list(column) for column in zip(*named, strict=True)] or [[]] * 3
        for table in (table for table in TABLES if name in table.key and not table.is_told_at):
            statement = (
                f"SELECT {', '.join(table.key)} FROM airudder.{table.name} "  # noqa: S608
                f"JOIN unnest(%s::text[], %s::text[], %s::uuid[]) AS one (source, {name}, push_id) "
                f"USING (source, {name}, push_id)"
            )
            for key in connection.execute(statement.encode(), values):
                if key not in keys.get(table, ()):
                    yield RowLeft(table, dict(zip(table.key, key, strict=True)))
