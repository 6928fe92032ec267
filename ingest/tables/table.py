"""Table: one declaration a table. Pure.

Every column is a register of its own: the newest push that says something of it, not null, decides. A row carries one
version, `push_id`, and names in `kept_from` the columns that are from an older push. So the rows are the same in
whatever order pushes are written, and however often.
"""

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

from ingest.tables.json_text import Json, KeptFrom
from ingest.tables.personal import Personal

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


@dataclass(frozen=True, eq=False)
class Table:
    """`row`: its tuple class, whose key are the `key_length` fields behind the version.
    `personal`: for each column, the source and the version excepted, what is done with it as a person's.
    `computed`: by column, those that are computed from it, and are written with it. `lists`: by column that holds a
    list, the view that shows a row an item. `aged_by`: the column by whose time the lists are removed.
    """

    name: str
    row: type[tuple[Any, ...]]
    key_length: int
    personal: Mapping[str, Personal]
    computed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lists: Mapping[str, str] = field(default_factory=dict)
    aged_by: str | None = None

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
    def is_history(self) -> bool:
        """Whether each push has rows of its own: the last column of the key says which, and rows are only added."""
        return self.key[-1] == "told_by"

    @property
    def is_told_at(self) -> bool:
        """Whether a row is as new as the vendor's own time says, by `ingest.kinds.told_at`, and not as its push is."""
        return "body_digest" in self.columns

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

    def left(self, column: str) -> str:
        """SQL of what stays of a column once its person is erased."""
        return self.personal[column].left.format(column=f"{self.name}.{column}") or "NULL"

    @functools.cached_property
    def is_personal(self) -> bool:
        """Whether nothing but a key would be left of a row, or not even that: then it is removed with its person."""
        return any(not self.personal[name].left for name in self.key if name != "source") or not any(
            self.personal[name].left for name in self.columns[self.end_of_key : KEPT_FROM]
        )


def type_of(annotation: Any) -> str:
    """Postgres's type for a field of a row."""
    (one,) = (part for part in get_args(annotation) or [annotation] if part is not NoneType)
    return TYPES[one]
