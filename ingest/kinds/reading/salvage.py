"""Salvage a push that is not as documented: field by field, what fits is kept, the rest is null with a warning."""

from __future__ import annotations

import functools
import re
import types
import typing
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from ingest.kinds.reading import values
from ingest.kinds.reading.clean import clean
from ingest.kinds.reading.decode import decode_within
from ingest.kinds.reading.identifiers import DIGITS_LOST, decimal_digits, has_lost_digits
from ingest.kinds.reading.moments import MOMENT_DIGITS
from ingest.kinds.reading.phone_cells import NUMBER_DIGITS
from ingest.kinds.reading.warn import Warnings, below

_Struct = TypeVar("_Struct", bound=msgspec.Struct)

_INTEGER = re.compile(r"\s*-?\d{1,19}(\.0+)?\s*", re.ASCII)
_NAMES_SOMEBODY = ("_number", "Number", "callee", "Mobile")
"""Ends of the names of fields that have a telephone number"""
_NAMES_ONE = ("_id", "_key", "_uuid", "Id", "ID", "callid", *_NAMES_SOMEBODY)
"""Ends of the names of fields whose value is one thing or person's: a part of its digits is somebody else's."""
_EXPECTED = {str: "text", int: "a whole number", list: "an array", dict: "an object"}


def salvage(struct: type[_Struct], value: dict[str, Any], path: str, warnings: Warnings) -> _Struct:
    """Build the struct from a plain object; unknown fields are ignored, as in the typed decode."""
    fields = {}
    for name, encoded, field_type in struct_fields(struct):
        one = value.get(encoded, msgspec.UNSET)
        if one is msgspec.UNSET:
            continue
        if one is None or type(one) is field_type:  # most are, and need no path
            fields[name] = one
            continue
        where = below(path, f".{encoded}")
        if _is_told(encoded, field_type, one, where, warnings):
            fields[name] = _fit(one, field_type, where, warnings)
    return struct(**fields)


def _is_told(encoded: str, field_type: Any, value: Any, path: str, warnings: Warnings) -> bool:
    """Whether a value says what the field is about; one that has lost digits may be another's. In a free text it stays,
    with a warning; amounts and counts are round ones."""
    is_moment = encoded.lower().endswith("time")
    needed = MOMENT_DIGITS if is_moment else NUMBER_DIGITS if encoded.endswith(_NAMES_SOMEBODY) else None
    if not has_lost_digits(value, needed) or field_type is not str or encoded.endswith("_amount"):
        return True
    warnings.add(path, DIGITS_LOST)
    return not (is_moment or encoded.endswith(_NAMES_ONE))


@functools.cache
def struct_fields(struct: type[msgspec.Struct]) -> list[tuple[str, str, Any]]:
    """Of each field its name here, its name in JSON, and its type where it is not null."""
    return [(field.name, field.encode_name, _without_none(field.type)) for field in msgspec.structs.fields(struct)]


def _without_none(field_type: Any) -> Any:
    if isinstance(field_type, types.UnionType):
        (field_type,) = (member for member in typing.get_args(field_type) if member is not types.NoneType)
    return field_type


def _fit(value: Any, field_type: Any, path: str, warnings: Warnings) -> Any:
    if value is None or field_type is Any:
        return value
    origin, is_struct = _origin_of(field_type)
    if isinstance(value, str) and origin in (dict, list) and (within := decode_within(value, origin)) is not None:
        value = clean(within, path, warnings, path.count(".") + path.count("["))
    if origin is list and isinstance(value, dict) and value:
        value = _as_list(value, field_type)
    if is_struct and isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        value = value[0]
    if is_struct and isinstance(value, dict):
        return salvage(field_type, value, path, warnings)
    if origin is list and isinstance(value, list):
        return _fit_items(value, typing.get_args(field_type)[0], path, warnings)
    if type(value) is origin:
        return value
    converted = _convert(value, origin)
    return _unfit(value, origin, path, warnings) if converted is None else converted


@functools.cache
def _origin_of(field_type: Any) -> tuple[Any, bool]:
    """What decoding makes of a value of this type, and whether that becomes a struct."""
    if isinstance(field_type, type) and issubclass(field_type, msgspec.Struct):
        return dict, True
    return typing.get_origin(field_type) or field_type, False


def _as_list(value: dict[str, Any], list_type: Any) -> Any:
    """The items of a list that has become an object: as PHP writes one that has lost an item, by its places; or XML one
    of a single item, as that item, with no field that an item has not. The object itself if it is neither."""
    if all(name.isdecimal() and name.isascii() and isinstance(item, dict) for name, item in value.items()):
        return [value[name] for name in sorted(value, key=lambda place: (len(place), place))]
    (item_type,) = typing.get_args(list_type)
    _, is_struct = _origin_of(item_type)
    names = {encoded for _, encoded, _ in struct_fields(item_type)} if is_struct else set()
    return [value] if value.keys() <= names else value


def _fit_items(items: list[Any], item_type: Any, path: str, warnings: Warnings) -> list[Any]:
    """What fits nowhere leaves an empty item: the others keep their places."""
    return [
        _fit_item(item, item_type, below(path, f"[{index}]"), warnings)
        for index, item in enumerate(values.bounded(items, path, warnings))
    ]


def _fit_item(item: Any, item_type: Any, path: str, warnings: Warnings) -> Any:
    if item is None:
        warnings.add(path, "an object is expected, not null")
    fitted = _fit(item, item_type, path, warnings)
    return item_type() if fitted is None else fitted


def _convert(value: Any, wanted: type) -> Any:
    """A number sent as text, or text as a number, loses nothing by conversion; None if it would."""
    if isinstance(value, bool):
        return None
    if wanted is str and isinstance(value, int | float | Decimal):
        return decimal_digits(value)
    if wanted is int and isinstance(value, str):
        return int(value.partition(".")[0]) if _INTEGER.fullmatch(value) else None
    if wanted is int and isinstance(value, float | Decimal) and value == int(value):
        return int(value)
    return None


def _unfit(value: Any, wanted: type, path: str, warnings: Warnings) -> None:
    # An empty string is the vendor's way to say "nothing", whatever the type; PHP's empty object is an empty array.
    if value != "" and not (value == [] and wanted is dict):
        # A Decimal is a float of more digits.
        kind = float if isinstance(value, Decimal) else type(value)
        warnings.add(path, f"{_EXPECTED[wanted]} is expected, not {kind.__name__}")
