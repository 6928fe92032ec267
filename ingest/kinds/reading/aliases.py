"""Aliases: the fields of a body whose spelling nobody documents, by their names without case and underscores."""

from __future__ import annotations

import functools
import typing
from collections.abc import Mapping
from typing import Any

import msgspec

from ingest.kinds.reading import values
from ingest.kinds.reading.free_json import id_text
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
    field's type and can be read, or else that says something; a warning tells of another that says something else.
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
        former, is_said = _worth(field, fields[field], types[field]), _worth(field, value, types[field])
        if former and is_said and value != fields[field]:
            warnings.add(f"$.{field}", "said under two names: one of them is taken")
        if is_said > former:
            fields[field] = value
    return fields


@functools.cache
def _types(struct: type[msgspec.Struct]) -> dict[str, Any]:
    return {name: field_type for name, _, field_type in struct_fields(struct)}


def _worth(field: str, value: Any, field_type: Any) -> int:
    """0 if a value says nothing, 1 if it is of another type than its field's, 2 if it is no number, id or time where
    one is expected, else 3. A field of any type is most often a text."""
    if not says_something(value) or (isinstance(value, str) and is_word_for_nothing(value)):
        return 0
    is_object = isinstance(value, dict | list)
    if is_object != (typing.get_origin(field_type) is dict):
        return 1
    return 3 if _is_readable(field, value) else 2


def _is_readable(field: str, value: Any) -> bool:
    unheard = Warnings(frozenset())
    if field.endswith("_time"):
        return values.any_moment(value, "$", unheard) is not None
    if field.endswith("_number"):
        return values.callee_number(id_text(value), "$", unheard) is not None
    return not field.endswith("_id") or values.identifier(id_text(value), "$", unheard) is not None
