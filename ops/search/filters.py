"""The filter of a search, to and from the query of an address. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from ingest.batch.push_ids import received_at_of
from ingest.kinds import KINDS
from ingest.kinds.reading.identifiers import MAX_ID_LENGTH, storable
from ops.days import read_moment

IN_FLIGHT = "in-flight"
"""The status of a push that is in Redis alone; the others are those of `pushes`"""
STATUSES = (IN_FLIGHT, "pending", "normalised", "duplicate", "dead", "discarded", "erased")
WITH_ERROR = ("dead", "discarded")
"""Statuses of pushes that have an error"""
MOST_CHARACTERS = 400
"""Of a text that is looked for"""
_FINGERPRINT_DIGITS = 8


class Filter(msgspec.Struct, frozen=True, omit_defaults=True):
    """All conditions hold of a push that is meant; empty or None is no condition.

    `identifier`: of whatever it is the id. `error`: a part of the error, in any case. `group`: the fingerprint of a
    group of dead letters. `path`: where the push has a warning; the items of an array are `[]`. `since` is part of the
    time that is meant, `until` is not.
    """

    identifier: str = ""
    source: str = ""
    kind: str = ""
    status: str = ""
    workflow: str = ""
    error: str = ""
    group: str = ""
    path: str = ""
    warned: bool = False
    since: datetime | None = None
    until: datetime | None = None

    @property
    def outcome(self) -> str:
        """The status that comes into question. A push with an error, or in a group, is dead unless another status is
        asked for."""
        return self.status or ("dead" if self.error or self.group else "")

    def as_query(self) -> dict[str, str]:
        """The fields of an address that `read_filter` reads as this filter."""
        values = {"id" if name == "identifier" else name: value for name, value in msgspec.to_builtins(self).items()}
        return {name: "1" if value is True else value for name, value in values.items()}


class Place(msgspec.Struct, frozen=True):
    """Where a page of pushes begins: behind the push with this id, which holds its time. `newer`: towards newer ones,
    not older ones."""

    push_id: UUID
    newer: bool = False

    def as_query(self) -> dict[str, str]:
        """The field of an address that `read_place` reads as this place."""
        return {"after" if self.newer else "before": str(self.push_id)}


def read_filter(query: Mapping[str, str]) -> tuple[Filter, dict[str, str]]:
    """The filter of an address, and by field what is wrong with a value, in words. Such a value is no condition."""
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for field, read in _FIELDS.items():
        text = storable(query.get(field, "")).strip()
        try:
            if text:
                values["identifier" if field == "id" else field] = read(text)
        except ValueError as error:
            wrong[field] = str(error)
    found = Filter(**values)
    if found.since and found.until and found.since >= found.until:
        wrong["until"] = "this is not after the time since which pushes are looked for"
    if (found.error or found.group) and found.status not in ("", *WITH_ERROR):
        wrong["status"] = f"only pushes that are {' or '.join(WITH_ERROR)} have an error"
    return found, wrong


def read_place(query: Mapping[str, str]) -> tuple[Place | None, dict[str, str]]:
    """Where the page of an address begins, None for the newest pushes; and what is wrong with it, as above."""
    for field in ("before", "after"):
        if text := query.get(field, ""):
            try:
                push_id = UUID(text)
            except ValueError:
                push_id = UUID(int=0)
            if received_at_of(push_id) is None:
                return None, {field: "a page begins at a push, and this is no push id"}
            return Place(push_id, field == "after"), {}
    return None, {}


def _text(most: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        if "\0" in text:
            raise ValueError("it has a character that nothing stored has (nul)")
        if len(text) > most:
            raise ValueError(f"it has {len(text)} characters: nothing so long is looked for, {most} are the most")
        return text

    return read


def _choice(what: str, choices: tuple[str, ...]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"there is no such {what}: choose one of the list")
        return text

    return read


def _fingerprint(text: str) -> str:
    lowered = text.lower()
    if len(lowered) != _FINGERPRINT_DIGITS or not set(lowered) <= set("0123456789abcdef"):
        raise ValueError(f"a fingerprint has {_FINGERPRINT_DIGITS} of the digits 0 to 9 and a to f")
    return lowered


def _is_set(text: str) -> bool:
    return text not in ("0", "false", "no")


_FIELDS: dict[str, Callable[[str], Any]] = {
    "id": _text(MAX_ID_LENGTH),
    "source": _text(MOST_CHARACTERS),
    "kind": _choice("kind", tuple(KINDS)),
    "status": _choice("outcome", STATUSES),
    "workflow": _text(MAX_ID_LENGTH),
    "error": _text(MOST_CHARACTERS),
    "group": _fingerprint,
    "path": _text(MOST_CHARACTERS),
    "warned": _is_set,
    "since": read_moment,
    "until": read_moment,
}
