"""Fields: what a push is made of, as it came and as the vendor documents it: paths and types, never a value. Pure.

Below a field whose keys are the customer's own, such as `custom_attribute`, nothing is looked at, and neither below one
that nobody documents: such keys may be names or numbers of persons.
"""

from __future__ import annotations

import functools
import re
import typing
from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Any

import msgspec

from ingest.kinds.kind import Kind
from ingest.kinds.reading.aliases import plain
from ingest.kinds.reading.decode import decode, typed_decoder
from ingest.kinds.reading.salvage import struct_fields

WHOLE = "$"
"""The path of the push itself"""
NOTHING = "nothing"
"""What null and "" are: the vendor's ways to say that it knows nothing, whatever the type"""
MAX_FIELDS = 200
"""Of one push; what is beyond that and nobody documents is left out."""

_ITEMS = 20
"""So many items of an array are looked at: they are alike."""
_LEVELS_BY_NAME = 2
"""Of a push of which nothing is documented; of the second only the types, as its keys may be the customer's own"""
_MAP = 40
"""An object of more keys than that is no list of fields: its keys are values."""
_NAME = re.compile(r"(?!.*[0-9]{3})[A-Za-z_][A-Za-z0-9_]{0,39}")
"""How programmers name fields. Any other key may be a telephone number, an address or a person's name; one of this form
may be a name as well, until it was seen in several pushes."""
_WORDS: dict[type, str] = {
    bool: "boolean",
    int: "whole number",
    float: "number",
    Decimal: "number",
    str: "text",
    list: "array",
    dict: "object",
}

_read = typed_decoder(dict[str, Any])
_Path = tuple[str, str]


def documented_fields(kind: Kind[Any]) -> dict[str, str | None]:
    """What the vendor documents of a kind: by path the type, or None where it may be any. The items of an array are
    `path[]`. Nothing of a kind that is known by name."""
    return dict(_documented(kind.struct, WHOLE)) if kind.struct else {}


def fields_of(kind: Kind[Any], body: bytes) -> set[_Path]:
    """The fields of a push, each path with the type that came; the push itself is not among them. A key that nobody
    documents, and that does not look like a field's name, is `*`; any other of them may be personal all the same.

    Raises NotJsonError or NotAnObjectError.
    """
    push = decode(_read, body)
    assert isinstance(push, dict), "decoded to be an object"
    found: set[_Path] = set()
    if kind.struct is None:
        _walk_by_name(push, WHOLE, _LEVELS_BY_NAME, found)
    else:
        _walk(_renamed(push, kind), kind.struct, WHOLE, found)
    return found


def parent_of(path: str) -> str:
    """The path of what a field is in: of `$.a[].b` it is `$.a[]`, and of that `$.a`."""
    return path[:-2] if path.endswith("[]") else path.rpartition(".")[0]


def unknown_name(path: str, documented: Collection[str]) -> str | None:
    """The part of a path that ends with the first name in it that nobody documents; None if there is none."""
    place = WHOLE
    for name in path.split(".")[1:]:
        place = f"{place}.{name}"
        if place not in documented:
            return place.removesuffix("[]")
    return None


def without_name(path: str, name: str) -> str:
    """A path without what `unknown_name` has found in it."""
    return f"{parent_of(name)}.*{path.removeprefix(name)}"


def _documented(struct: type[msgspec.Struct], path: str) -> Iterator[tuple[str, str | None]]:
    for _, encoded, field_type in struct_fields(struct):
        where = f"{path}.{encoded}"
        yield where, _expected(field_type)
        if below := _struct_in(field_type):
            if _expected(field_type) == "array":
                where = f"{where}[]"
                yield where, "object"
            yield from _documented(below, where)


def _expected(field_type: Any) -> str | None:
    if field_type is Any:
        return None
    if isinstance(field_type, type) and issubclass(field_type, msgspec.Struct):
        return "object"
    return _WORDS[typing.get_origin(field_type) or field_type]


def _struct_in(field_type: Any) -> type[msgspec.Struct] | None:
    """The struct that a field is, or is an array of; None where its keys, if it has any, are free."""
    for one in (field_type, *typing.get_args(field_type)[:1]):
        if isinstance(one, type) and issubclass(one, msgspec.Struct):
            return one
    return None


@functools.cache
def _types(struct: type[msgspec.Struct]) -> dict[str, Any]:
    return {encoded: field_type for _, encoded, field_type in struct_fields(struct)}


def _renamed(push: dict[str, Any], kind: Kind[Any]) -> dict[str, Any]:
    aliases = kind.aliases or {}
    return {aliases.get(plain(key), key): value for key, value in push.items()} if aliases else push


def _walk(value: dict[str, Any], struct: type[msgspec.Struct], path: str, found: set[_Path]) -> None:
    types = _types(struct)
    for key, item in value.items():
        if key not in types:
            _note_unknown(f"{path}.{_shown(key)}", item, found)
            continue
        where = f"{path}.{key}"
        found.add((where, _word(item)))
        below = _struct_in(types[key])
        if below and isinstance(item, dict) and _expected(types[key]) == "object":
            _walk(item, below, where, found)
        elif below and isinstance(item, list) and _expected(types[key]) == "array":
            for one in item[:_ITEMS]:
                found.add((f"{where}[]", _word(one)))
                if isinstance(one, dict):
                    _walk(one, below, f"{where}[]", found)


def _walk_by_name(value: dict[str, Any], path: str, levels: int, found: set[_Path]) -> None:
    for key, item in value.items():
        is_shown = levels == _LEVELS_BY_NAME and len(value) <= _MAP
        where = f"{path}.{_shown(key) if is_shown else '*'}"
        _note_unknown(where, item, found)
        below = item[:_ITEMS] if isinstance(item, list) else [item]
        for one in below if levels > 1 else ():
            if isinstance(one, dict):
                _walk_by_name(one, f"{where}[]" if isinstance(item, list) else where, levels - 1, found)


def _note_unknown(where: str, item: Any, found: set[_Path]) -> None:
    if len(found) < MAX_FIELDS or (where, _word(item)) in found:
        found.add((where, _word(item)))


def _shown(key: str) -> str:
    return key if _NAME.fullmatch(key) else "*"


def _word(value: Any) -> str:
    return NOTHING if value is None or value == "" else _WORDS[type(value)]
