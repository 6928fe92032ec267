"""Fields: which ones samples have, as rows of `drift`. A name that may be a person's is not among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from ingest.errors import NotAnObjectError, NotJsonError, UnknownKindError
from ingest.kinds import kind_of
from ingest.kinds.fields import WHOLE, documented_fields, fields_of, unknown_name, without_name
from workers.sweeper.drift.sampling import ChosenSamples, Group, Sample

UNKNOWN_PATHS = 100
"""Of a workflow; more would be keys that are values."""
SURE = 3
"""So many pushes have a name that nobody documents before it is noted: until then it may be a person's."""
UNSURE = 10_000
"""Names that are kept in mind until they were seen so often; if there are more, all are forgotten."""


class _Seen(NamedTuple):
    """One field of a group, in the samples of one look."""

    samples: int
    last_sample: int
    first_seen: datetime
    last_seen: datetime


_Fields = dict[tuple[str, str], _Seen]


class UnsureNames:
    """Names of fields that nobody documents, and how many pushes had them: in this process's memory alone."""

    def __init__(self) -> None:
        self._pushes: Counter[tuple[Group, str]] = Counter()

    def count(self, group: Group, fields: Iterable[set[tuple[str, str]]], documented: Collection[str]) -> None:
        """Take note of the names in some pushes."""
        for one in fields:
            self._pushes.update({(group, name) for path, _ in one if (name := unknown_name(path, documented))})
        if len(self._pushes) > UNSURE:
            self._pushes.clear()

    def shown(self, group: Group, path: str, documented: Collection[str], known: set[str]) -> str:
        """A path as it may be noted."""
        name = unknown_name(path, documented)
        if name is None or name in known or self._pushes[group, name] >= SURE:
            return path
        return without_name(path, name)


def rows_of(found: ChosenSamples, bodies: dict[UUID, bytes], names: UnsureNames) -> list[tuple[Any, ...]]:
    """The rows of the fields that the samples have, in the order of their keys."""
    rows: list[tuple[Any, ...]] = []
    for group, samples in found.chosen.items():
        before = found.looked[group].samples if group in found.looked else 0
        came = [(one, bodies[one.push_id]) for one in samples if one.push_id in bodies]
        known = found.paths[group]
        fields = _bounded(group, _fields(group, came, before, names, known), known)
        rows += [(*group, *field, *seen) for field, seen in fields.items()]
    return sorted(rows)


def _fields(
    group: Group, samples: Iterable[tuple[Sample, bytes]], before: int, names: UnsureNames, known: set[str]
) -> _Fields:
    """The fields of these samples; `before`: how many samples there were in earlier looks."""
    seen: _Fields = {}
    with suppress(UnknownKindError):  # a newer release took it
        kind = kind_of(group.kind)
        documented = documented_fields(kind)
        came: list[tuple[Sample, set[tuple[str, str]]]] = []
        for sample, body in samples:
            with suppress(NotJsonError, NotAnObjectError):
                came.append((sample, fields_of(kind, body)))
        names.count(group, [fields for _, fields in came], documented)
        for number, (sample, fields) in enumerate(came, before + 1):
            shown = {(names.shown(group, path, documented, known), came_as) for path, came_as in fields}
            for field in {(WHOLE, "object"), *shown}:
                first = seen.get(field, _Seen(0, number, sample.received_at, sample.received_at))
                seen[field] = _Seen(first.samples + 1, number, first.first_seen, sample.received_at)
    return seen


def _bounded(group: Group, fields: _Fields, known: set[str]) -> _Fields:
    """Without those fields that nobody documents and that are too many."""
    documented = documented_fields(kind_of(group.kind)) if fields else {}
    room = UNKNOWN_PATHS - len(known - {*documented, WHOLE})
    new = sorted({path for path, _ in fields} - {*known, *documented, WHOLE})
    left_out = set(new[max(room, 0) :])
    return {field: seen for field, seen in fields.items() if field[0] not in left_out}
