"""Table: one declaration a table; the SQL that reads and writes its rows is derived from it. Pure.

Every column is a register of its own: the newest push that says something of it, not null, decides. A row carries one
version, `push_id`, and names in `kept_from` the columns that are from an older push. So the rows are the same in
whatever order pushes are written, and however often.
"""
# ruff: noqa: S608 - the SQL is built of the declarations alone

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from operator import itemgetter
from types import NoneType
from typing import Any, cast, get_args, get_type_hints
from uuid import UUID

from ingest.tables.rows import Json, KeptFrom

TYPES = {
    bool: "boolean",
    bytes: "bytea",
    date: "date",
    datetime: "timestamptz",
    Decimal: "numeric",
    int: "integer",
    Json: "jsonb",
    str: "text",
    timedelta: "interval",
    UUID: "uuid",
}
VERSION = ("received_at", "push_id", "kept_from")
"""The first two columns of every row, and its last one"""
RECEIVED_AT, PUSH_ID, KEPT_FROM = 0, 1, -1
"""Their places"""
_KEY = 2
"""Where the key begins"""

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Table:
    """`row`: its tuple class, whose key are the `key_length` fields behind the version.
    `computed`: by column, those that are computed from it, and come and go with it."""

    name: str
    row: type[tuple[Any, ...]]
    key_length: int
    computed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @functools.cached_property
    def types(self) -> dict[str, str]:
        """Postgres's type of each column, in the order of the row."""
        hints = get_type_hints(self.row)
        return {name: "jsonb" if hint == KeptFrom else type_of(hint) for name, hint in hints.items()}

    @functools.cached_property
    def columns(self) -> tuple[str, ...]:
        """All columns that are written."""
        return tuple(self.types)

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of the key."""
        return self.columns[_KEY : self.end_of_key]

    @property
    def end_of_key(self) -> int:
        """The place of the first column behind the key."""
        return _KEY + self.key_length

    @functools.cached_property
    def registers(self) -> dict[str, tuple[str, ...]]:
        """The columns that have a version of their own, each with those that are written with it."""
        computed = {column for columns in self.computed.values() for column in columns}
        told = [name for name in self.columns[self.end_of_key :] if name not in VERSION and name not in computed]
        return {name: (name, *self.computed.get(name, ())) for name in told}

    def make(self, values: Iterable[Any]) -> tuple[Any, ...]:
        """A row of its values."""
        row: tuple[Any, ...] = cast(Any, self.row)._make(values)
        return row

    @functools.cached_property
    def places(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """The registers, by the places of their columns in a row."""
        of = {name: place for place, name in enumerate(self.columns)}
        return tuple((lead, tuple(of[name] for name in group)) for lead, group in self.registers.items())

    @functools.cached_property
    def key_of(self) -> itemgetter[Key]:
        """The key of a row."""
        return itemgetter(*range(_KEY, self.end_of_key))

    @functools.cached_property
    def upsert(self) -> str:
        """Write rows, an array a column; of a row that is there, each column stays whose push is the newer one."""
        # JSON comes as text, and is read row by row: an array of it would be built first.
        is_json = {name: type_name == "jsonb" for name, type_name in self.types.items()}
        arrays = ", ".join(f"%b::{'text' if is_json[name] else self.types[name]}[]" for name in self.columns)
        values = ", ".join(f"{name}::jsonb" if is_json[name] else name for name in self.columns)
        assignments = [self._assignment(column, lead) for lead, group in self.registers.items() for column in group]
        assignments += [f"{name} = greatest(stored.{name}, excluded.{name})" for name in ("received_at", "push_id")]
        assignments.append(f"kept_from = {self._kept_from()}")
        return (
            f"INSERT INTO airudder.{self.name} AS stored ({', '.join(self.columns)})\n"
            f"SELECT {values}\n"
            f"FROM unnest({arrays}) AS row ({', '.join(self.columns)})\n"
            f"ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET\n  " + ",\n  ".join(assignments)
        )

    @functools.cached_property
    def lock(self) -> str:
        """Read one row by its key, and keep others from writing it; JSON comes as text."""
        columns = (f"{name}::text" if type_name == "jsonb" else name for name, type_name in self.types.items())
        return f"SELECT {', '.join(columns)} FROM airudder.{self.name} WHERE {self._is_key()} FOR UPDATE"

    @functools.cached_property
    def forget_version(self) -> str:
        """Let one row, by its key, be older than any push, so that whatever is written next wins."""
        oldest = f"'-infinity', push_id = '{UUID(int=0)}', kept_from = NULL"
        return f"UPDATE airudder.{self.name} SET received_at = {oldest} WHERE {self._is_key()}"

    def _is_key(self) -> str:
        return " AND ".join(f"{name} = %s" for name in self.key)

    def _assignment(self, column: str, lead: str) -> str:
        return f"{column} = CASE WHEN {_is_newer(lead)} THEN excluded.{column} ELSE stored.{column} END"

    def _kept_from(self) -> str:
        """Nothing, in the usual case of a newer push that says as much; else the older push of each column."""
        is_plain = "stored.push_id <= excluded.push_id AND num_nonnulls(stored.kept_from, excluded.kept_from) = 0"
        says_all = " AND ".join(f"(excluded.{lead} IS NOT NULL OR stored.{lead} IS NULL)" for lead in self.registers)
        pairs = ",\n    ".join(f"'{lead}', {_older_push(lead)}" for lead in self.registers)
        return (
            f"CASE WHEN {is_plain}\n    AND {says_all} THEN NULL\n"
            f"  ELSE nullif(jsonb_strip_nulls(jsonb_build_object(\n    {pairs})), '{{}}') END"
        )


def _version(side: str, lead: str) -> str:
    return f"coalesce(({side}.kept_from ->> '{lead}')::uuid, {side}.push_id)"


def _is_newer(lead: str) -> str:
    is_newer = f"{_version('stored', lead)} <= {_version('excluded', lead)}"
    return f"excluded.{lead} IS NOT NULL AND (stored.{lead} IS NULL OR {is_newer})"


def _older_push(lead: str) -> str:
    newest = "greatest(stored.push_id, excluded.push_id)"
    return (
        f"CASE WHEN {_is_newer(lead)} THEN nullif({_version('excluded', lead)}, {newest})\n"
        f"      WHEN stored.{lead} IS NOT NULL THEN nullif({_version('stored', lead)}, {newest}) END"
    )


def type_of(annotation: Any) -> str:
    """Postgres's type for a field of a row."""
    (one,) = (part for part in get_args(annotation) or [annotation] if part is not NoneType)
    return TYPES[one]
