"""Arrays: a column of rows as one array in Postgres's binary form, which an upsert takes as a parameter.

psycopg makes one item by item, and asks of each which type it has. Here the column says that. A value that all rows
have in common is made once, as most of a batch are nulls, sources and words of a few.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

from ingest.tables.sql import sent_as

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_FIRST_DAY = date(2000, 1, 1).toordinal()
_MICROSECOND = timedelta(microseconds=1)
_NULL = b"\xff\xff\xff\xff"
"""An item's length, as that of a null"""

_length = struct.Struct("!i").pack
_integer = struct.Struct("!i").pack
_microseconds = struct.Struct("!q").pack
_head = struct.Struct("!iiIii").pack
"""Dimensions, whether there are nulls, the items' type, how many, the first one's place"""


@functools.lru_cache(maxsize=8192)
def _moment(value: datetime) -> bytes:
    """Remembered, as each table has the time when a push came."""
    return _microseconds((value - _EPOCH) // _MICROSECOND)


_ITEM: dict[str, Callable[[Any], bytes]] = {
    "boolean": lambda value: b"\x01" if value else b"\x00",
    "bytea": bytes,
    "date": lambda value: _integer(value.toordinal() - _FIRST_DAY),
    "integer": _integer,
    "text": str.encode,
    "timestamptz": _moment,
    "uuid": lambda value: value.int.to_bytes(16),
}
_ITEM |= dict.fromkeys(("jsonb", "numeric"), str.encode)
_OIDS = {name: psycopg.adapters.types[sent_as(name)].oid for name in _ITEM}


class Array(NamedTuple):
    """An array that is ready to be sent."""

    binary: bytes


class _ArrayDumper(Dumper):
    """The statement's cast says of which type it is."""

    format = Format.BINARY

    def dump(self, obj: Array) -> Buffer:
        return obj.binary


psycopg.adapters.register_dumper(Array, _ArrayDumper)


def array_of(values: Sequence[Any], type_name: str) -> Array:
    """The values of a column of a type, at least one, as an array of what it is sent as."""
    if type_name == "numeric":
        # Before anything is compared: 20.0 and 20.00 are equal, and each keeps its digits.
        values = [None if value is None else str(value) for value in values]
    count = len(values)
    is_fast = type_name != "uuid"  # these are compared in Python, one by one, and differ
    nulls = values.count(None) if is_fast else sum([value is None for value in values])
    item = _ITEM[type_name]
    if nulls == count:
        items = _NULL * count
    elif is_fast and values.count(values[0]) == count:
        items = _with_length(item(values[0])) * count
    elif nulls:
        items = b"".join([_NULL if value is None else _length(len(one := item(value))) + one for value in values])
    else:
        items = b"".join([_length(len(one := item(value))) + one for value in values])
    return Array(_head(1, nulls > 0, _OIDS[type_name], count, 1) + items)


def _with_length(item: bytes) -> bytes:
    return _length(len(item)) + item
