"""Aliases: the fields of a body whose spelling nobody documents, by their names without case and underscores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingest.kinds.reading.warn import Warnings

_NOTHING: tuple[Any, ...] = (None, "", [], {})


def plain(name: str) -> str:
    """What TaskID, task_id and taskId have in common: `taskid`."""
    return name.replace("_", "").lower()


def renamed(body: dict[str, Any], aliases: Mapping[str, str], warnings: Warnings) -> dict[str, Any]:
    """The fields of a body under the names that a struct has for them; others are left out, as a struct ignores them.

    `aliases`: the struct's name, by each plain one. Of two names for one field the first that says something counts, a
    text before an object, and a warning tells of another that says something else.
    """
    fields: dict[str, Any] = {}
    for name, value in body.items():
        field = aliases.get(plain(name))
        if field is None:
            continue
        if fields.get(field) in _NOTHING or (isinstance(fields[field], dict) and isinstance(value, str)):
            fields[field] = value
        elif value not in (*_NOTHING, fields[field]):
            warnings.add(f"$.{field}", "said under two names: the first one is taken")
    return fields
