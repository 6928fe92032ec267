"""Marked pushes, made from the structs of a kind: a field that is added there is marked without more ado."""

from __future__ import annotations

import json
import types
import typing
from typing import Any

import msgspec

from ingest.kinds import kind_of
from ingest.kinds.reading.values import MAX_ITEMS
from tests.leaks.marks import Marks

_UNREADABLE_DEPTH = 100_000
_TOO_DEEP = 150
_BEYOND_A_DOUBLE = "a number beyond a double"


class Documented:
    """A push as documented: a mark in every field, in unknown fields, and in keys and values of free objects."""

    def __init__(self, marks: Marks, kind: str = "custom-api") -> None:
        self._marks = marks
        self._struct = kind_of(kind).struct
        self._structs = [self._struct, *_struct_types(self._struct)] if self._struct else []

    def body(self) -> bytes:
        """The push in JSON."""
        return json.dumps(self.document(type(self).__name__)).encode()

    def document(self, place: str) -> dict[str, Any]:
        """The push as an object; where its kind is known by name only, a call's id and anything."""
        if self._struct is None:
            return {"call_id": self.word(f"{place}.call_id"), **self.free(place)}
        return self.struct(self._struct, place)

    def word(self, place: str) -> str:
        """A mark where any text will do."""
        return self._marks.word(place)

    def struct(self, struct: type[msgspec.Struct], place: str) -> dict[str, Any]:
        """An object of a struct."""
        content = {
            field.encode_name: self.value(field.encode_name, _without_none(field.type), f"{place}.{field.encode_name}")
            for field in msgspec.structs.fields(struct)
        }
        return {**content, **self.free(f"{place} unknown")}

    def value(self, name: str, wanted: Any, place: str) -> Any:
        """The value of a field of such a type."""
        origin = typing.get_origin(wanted) or wanted
        if origin is str:
            return self.text(name, place)
        if origin is int:
            return self.integer(place)
        if origin is list:
            return [self.value(name, typing.get_args(wanted)[0], f"{place}[{index}]") for index in range(2)]
        if isinstance(origin, type) and issubclass(origin, msgspec.Struct):
            return self.struct(origin, place)
        return self.free(place)

    def text(self, name: str, place: str) -> str:
        """A text that can be read as what the field's name says."""
        formats = {"_number": self._marks.number, "_amount": self._marks.amount, "_date": self._marks.day}
        formats |= {"_time": self._marks.moment, "time": self._marks.offset}
        return next((make for end, make in formats.items() if name.endswith(end)), self.word)(place)

    def integer(self, place: str) -> Any:
        """A whole number."""
        return self._marks.integer(place)

    def free(self, place: str) -> dict[str, Any]:
        """An object whose keys are the customer's."""
        inner = [self.word(f"{place} item"), {self.word(f"{place} inner key"): self.word(f"{place} inner value")}]
        return {self.word(f"{place} key"): self.word(f"{place} value"), self.word(f"{place} array's key"): inner}


class Mistyped(Documented):
    """What should be a text or a number is an object, and what should be an array or an object is a text; but for the
    ids, without which nothing would be recognised."""

    def value(self, name: str, wanted: Any, place: str) -> Any:
        """Something else."""
        if name == "call_id" or name.endswith("_number") or wanted in self._structs:
            return super().value(name, wanted, place)
        if (typing.get_origin(wanted) or wanted) in (list, dict):
            return self.word(place)
        return self.free(place)


class Misshapen(Documented):
    """Objects are arrays, and the items of arrays are texts, null and arrays."""

    def value(self, name: str, wanted: Any, place: str) -> Any:
        """Something else, below the first level."""
        if typing.get_origin(wanted) is list:
            return [self.word(f"{place}[0]"), None, [self.word(f"{place}[2][0]")]]
        if name == "callee":
            return [self.word(f"{place}[0]")]
        return super().value(name, wanted, place)


class Unparsable(Documented):
    """Texts that are no numbers, dates, amounts or times, and numbers beyond any column."""

    def text(self, _name: str, place: str) -> str:
        """A word, whatever the field."""
        return self.word(place)

    def integer(self, place: str) -> int:
        """Too much for an integer column."""
        return self._marks.integer(place) * 10**9


class Unstorable(Unparsable):
    """NUL and a lone surrogate in every text and key."""

    def word(self, place: str) -> str:
        """A mark between what Postgres does not store."""
        return f"\0{super().word(place)}\ud800"


class Overlong(Unparsable):
    """Longer than an id or a number may be."""

    def word(self, place: str) -> str:
        """A mark again and again."""
        return super().word(place) * 20


class Deep(Documented):
    """Free objects that are nested too deeply, and more items than are stored as rows."""

    def free(self, place: str) -> dict[str, Any]:
        """A mark at the bottom, under marked keys."""
        value: Any = self.word(f"{place} core")
        for _ in range(_TOO_DEEP):
            value = {"x": value}
        return {self.word(f"{place} key"): value, self.word(f"{place} key of a number"): _BEYOND_A_DOUBLE}

    def body(self) -> bytes:
        """The push in JSON, in which a number may be of any size."""
        return super().body().replace(json.dumps(_BEYOND_A_DOUBLE).encode(), b"1e999")

    def value(self, name: str, wanted: Any, place: str) -> Any:
        """Many turns."""
        if typing.get_origin(wanted) is list:
            return [*super().value(name, wanted, place), *([{}] * MAX_ITEMS)]
        return super().value(name, wanted, place)


REPAIRABLE = (Documented, Mistyped, Misshapen, Unparsable, Unstorable, Overlong, Deep)
"""All that is answered 200"""


def unrecognised(marks: Marks) -> bytes:
    """An object without a call, callee, case or workflow, whatever its kind."""
    return json.dumps(Documented(marks).free("unrecognised")).encode()


def broken(marks: Marks) -> dict[str, tuple[int, bytes]]:
    """Bodies that are no push, by name: how each is answered, and its bytes."""
    body = json.dumps(Documented(marks).document("broken"))
    word = marks.word
    return {
        "truncated": (400, body[: len(body) // 2].encode()),
        "bare word": (400, word("bare word").encode()),
        "word after JSON": (400, f"{body} {word('after JSON')}".encode()),
        "bad escape": (400, f'{{"{word("bad escape key")}": "\\{word("bad escape")}"}}'.encode()),
        "NaN": (400, f'{{"{word("NaN key")}": NaN, "x": "{word("beside NaN")}"}}'.encode()),
        "not UTF-8": (400, body.encode().replace(b'": "', b'": "\xff', 1)),
        "nested beyond reading": (400, f'{{"{word("unreadable")}": {"[" * _UNREADABLE_DEPTH}'.encode()),
        "array": (422, f"[{body}]".encode()),
        "text": (422, json.dumps(word("a text as the body")).encode()),
        "number": (422, str(marks.integer("a number as the body")).encode()),
    }


def largest(marks: Marks, size: int) -> bytes:
    """A push of exactly so many bytes."""
    content = {**Documented(marks).document("largest"), "filling": ""}
    content["filling"] = "x" * (size - len(json.dumps(content)))
    return json.dumps(content).encode()


def _struct_types(struct: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    types = [_without_none(field.type) for field in msgspec.structs.fields(struct)]
    found = [one for one in types if isinstance(one, type) and issubclass(one, msgspec.Struct)]
    return [*found, *(deeper for one in found for deeper in _struct_types(one))]


def _without_none(field_type: Any) -> Any:
    if isinstance(field_type, types.UnionType):
        (field_type,) = (member for member in typing.get_args(field_type) if member is not types.NoneType)
    return field_type
