"""Aliases: the fields of a body whose spelling nobody documents, by their names without case and underscores."""

from __future__ import annotations

import functools
import typing
from collections.abc import Mapping
from typing import Any

import msgspec

from ingest.kinds.reading.nothing import is_word_for_nothing, says_something
from ingest.kinds.reading.salvage import struct_fields
from ingest.kinds.reading.warn import Warnings


def plain(name: str) -> str:
    """What TaskID, task_id and taskId have in common: `taskid`."""
    return name.replace("_", "").lower()


def renamed(
    body: dict[str, Any], struct: type[msgspec.Struct], aliases: Mapping[str, str], warnings: Warnings
) -> dict[str, Any]:
    """The fields of a body under the names that a struct has for them; others are left out, as a struct ignores them.

    `aliases`: the struct's name, by each plain one. Of two names for one field the first counts whose value is of the
    field's type, or else that says something; a warning tells of another that says something else.
    """
    types = _types(struct)
    fields: dict[str, Any] = {}
    for name, value in body.items():
        field = aliases.get(plain(name))
        if field is None:
            continue
        if field not in fields:
            fields[field] = value
            continue
        former, is_said = _worth(fields[field], types[field]), _worth(value, types[field])
        if former and is_said and value != fields[field]:
            warnings.add(f"$.{field}", "said under two names: one of them is taken")
        if is_said > former:
            fields[field] = value
    return fields


@functools.cache
def _types(struct: type[msgspec.Struct]) -> dict[str, Any]:
    return {name: field_type for name, _, field_type in struct_fields(struct)}


def _worth(value: Any, field_type: Any) -> int:
    """0 if a value says nothing, 2 if it is of its field's type, else 1. A field of any type is most often a text."""
    if not says_something(value) or (isinstance(value, str) and is_word_for_nothing(value)):
        return 0
    is_object = isinstance(value, dict | list)
    return 2 if is_object == (typing.get_origin(field_type) is dict) else 1
