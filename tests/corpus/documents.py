"""Documents: a documented push for each case, with any field of the structs replaced, written as JSON that no library
would write."""

from __future__ import annotations

import copy
import json
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ingest.kinds.custom_api.payload import CustomApiPush

SAMPLE = Path(__file__).parents[1] / "samples" / "custom-api.json"

Step = str | int


@dataclass(frozen=True)
class Literal:
    """JSON as it is to stand in the body: a number that no float holds, depth that no recursion writes."""

    text: str


@dataclass(frozen=True)
class Field:
    """A field of the structs: where it is in a body, and of which type it should be."""

    steps: tuple[Step, ...]
    type: Any

    @property
    def path(self) -> str:
        """As a warning names it."""
        return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.steps)


def fields(struct: type[msgspec.Struct] = CustomApiPush, above: tuple[Step, ...] = ()) -> Iterator[Field]:
    """Every field that a push may have, those of inner structs and of an array's first item too."""
    for one in msgspec.structs.fields(struct):
        field_type = without_none(one.type)
        steps = (*above, one.encode_name)
        yield Field(steps, field_type)
        item_type = item_of(field_type)
        if is_struct(item_type):
            yield from fields(item_type, (*steps, 0))
        elif is_struct(field_type):
            yield from fields(field_type, steps)


def without_none(field_type: Any) -> Any:
    """The type of a field that is not null."""
    if isinstance(field_type, types.UnionType):
        (field_type,) = (one for one in typing.get_args(field_type) if one is not types.NoneType)
    return field_type


def item_of(field_type: Any) -> Any:
    """The type of an array's items; None if it is no array."""
    return typing.get_args(field_type)[0] if typing.get_origin(field_type) is list else None


def is_struct(field_type: Any) -> bool:
    """Whether it is one of ours."""
    return isinstance(field_type, type) and issubclass(field_type, msgspec.Struct)


def documented(number: int) -> dict[str, Any]:
    """The vendor's sample, with ids of its own: the rows of two such pushes do not meet."""
    document: dict[str, Any] = json.loads(SAMPLE.read_bytes())
    document["workflow_id"], document["node_id"] = f"workflow-{number}", f"node-{number}"
    document["callee"].update(callee_number=f"+6281{number:08}", case_id=f"case-{number}")
    document["call"]["call_id"] = f"call-{number}"
    return document


def replaced(document: dict[str, Any], steps: tuple[Step, ...], value: Any) -> dict[str, Any]:
    """The same document with another value at a place."""
    changed = copy.deepcopy(document)
    inner: Any = changed
    for step in steps[:-1]:
        inner = inner[step]
    inner[steps[-1]] = value
    return changed


def to_json(value: Any) -> bytes:
    """Write JSON, with literals as they stand."""
    return _written(value).encode()


def _written(value: Any) -> str:
    if isinstance(value, Literal):
        return value.text
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    return json.dumps(value)
