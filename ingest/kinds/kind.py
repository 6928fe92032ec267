"""Kind: one declaration a kind of callback. Whoever handles pushes asks it, and knows no kind by its name."""

from __future__ import annotations

import functools
import random
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

import msgspec

from ingest.kinds.reading.decode import typed_decoder
from ingest.kinds.reading.warn import Warnings
from ingest.kinds.story import Story
from ingest.tables.rows import Row

_Push = TypeVar("_Push")

Version = tuple[datetime, UUID]
"""When a row was told, and the id by which it is newer or older than others: the greater one is the newer"""


class Ids(NamedTuple):
    """What a push is about, as the tables have it: what `pushes` is indexed by, and what find, erase and export ask.
    None where the push does not say."""

    workflow_id: str | None = None
    node_id: str | None = None
    task_id: str | None = None
    callee_number: str | None = None
    """In E.164 where it can be read so"""
    case_id: str | None = None
    call_id: str | None = None

    @property
    def name_something(self) -> bool:
        """Whether any of them leads to something. A node's alone does not."""
        return any((self.workflow_id, self.task_id, self.callee_number, self.case_id, self.call_id))


class Origin(NamedTuple):
    """The push that rows come from, and where a problem with it is noted."""

    source: str
    version: Version
    """When the push came, and its id: the first columns of each row"""
    ids: Ids
    warnings: Warnings
    body: bytes
    """As it came"""


def _never(*_asked: Any) -> bool:
    return False


@dataclass(frozen=True)
class Kind(Generic[_Push]):
    """One kind of callback.

    `name`: the path segment behind `/airudder/`. `struct`: its body as the vendor documents it; None where that is not
    known, and a push is the plain object. `ids`: what a push is
    about. `rows`: what it tells, a row a thing; a row may be None. `simulate`: a body, as JSON's values, that tells a
    story as the vendor would; the random numbers are for what a story does not say. `aliases`: where nobody says how
    the fields are spelt, the struct's field for each name that one may have, plain as `reading.aliases` makes it.
    `may_name_nothing`: whether the vendor sends such a push without an id that leads to something; any other one is
    dead then. `says_when`: whether a push, with these ids, is of one moment or one call. One that says how something is
    and not since when may come with the same bytes again when it is so again.
    """

    name: str
    struct: type[_Push] | None
    ids: Callable[[_Push, Warnings], Ids]
    rows: Callable[[_Push, Origin], Iterable[Row | None]]
    simulate: Callable[[Story, random.Random], dict[str, Any]]
    aliases: Mapping[str, str] | None = None
    may_name_nothing: Callable[[_Push], bool] = _never
    says_when: Callable[[_Push, Ids], bool] = _never

    @functools.cached_property
    def decoder(self) -> msgspec.json.Decoder[Any]:
        """Reads a body as documented, to the last digit; one whose names have to be told apart first as an object."""
        return typed_decoder(self.struct if self.struct and not self.aliases else dict[str, Any])

    @functools.cached_property
    def documented(self) -> frozenset[str]:
        """The names of all fields that the vendor documents, however deep: a warning may quote them."""
        return frozenset(_field_names(self.struct) if self.struct else ())


def _field_names(wanted: Any) -> set[str]:
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        fields = msgspec.structs.fields(wanted)
        return {field.encode_name for field in fields}.union(*(_field_names(field.type) for field in fields))
    return set().union(*map(_field_names, typing.get_args(wanted)))
