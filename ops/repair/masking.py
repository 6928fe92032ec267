"""Masking: a body's shape without what it says, and a row's values without whose they are. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ingest.errors import NotAnObjectError, NotJsonError, UnknownKindError
from ingest.kinds import kind_of
from ingest.kinds.reading.aliases import plain
from ingest.kinds.reading.decode import decode, typed_decoder
from ingest.tables.table import Table

MOST_ITEMS = 3
"""Of a list; the others are counted"""
MOST_DEPTH = 12

_read = typed_decoder(dict[str, Any])


def mask_body(kind: str, body: bytes) -> Any:
    """The body as JSON's values, each value replaced by its type and length. A documented key stays,
    however it is spelt. Any other is `*`: one push does not tell a field's name from a person's."""
    try:
        documented = frozenset(map(plain, kind_of(kind).documented))
    except UnknownKindError:
        documented = frozenset()
    try:
        return _masked(decode(_read, body), documented, 0)
    except (NotJsonError, NotAnObjectError) as error:
        return f"{len(body)} bytes: {error}"


def mask_value(value: Any) -> str:
    """A value's type and length."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f"text of {len(value)}"
    if isinstance(value, dict | list):
        return f"{'object' if isinstance(value, dict) else 'list'} of {len(value)}"
    return "number" if isinstance(value, int | float | Decimal) else type(value).__name__


def mask_column(table: Table, column: str, text: str | None) -> str | None:
    """A column's value, in Postgres's text: the whole where it cannot be about a person, else its length."""
    if text is None or column not in table.personal or table.personal[column].tells_nobody(column):
        return text
    return f"{table.types[column]} of {len(text)}"


def _masked(value: Any, documented: frozenset[str], depth: int) -> Any:
    if depth < MOST_DEPTH and isinstance(value, dict):
        masked: dict[str, Any] = {}
        for key, below in value.items():
            shown = key if plain(key) in documented else "*"
            masked[_unused(shown, masked)] = _masked(below, documented, depth + 1)
        return masked
    if depth < MOST_DEPTH and isinstance(value, list):
        items = [_masked(item, documented, depth + 1) for item in value[:MOST_ITEMS]]
        return items + ([f"and {len(value) - MOST_ITEMS} more"] if len(value) > MOST_ITEMS else [])
    return mask_value(value)


def _unused(key: str, taken: dict[str, Any]) -> str:
    """Masked keys are told apart by how many there are."""
    return key if key not in taken else f"{key} {len(taken)}"
