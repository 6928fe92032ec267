"""Drift: how the pushes that came differ from what the vendor documents, by source, kind and workflow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import LiteralString

import msgspec
from psycopg import Connection

from ingest.errors import UnknownKindError
from ingest.kinds import kind_of
from ingest.kinds.fields import NOTHING, WHOLE, documented_fields, parent_of
from ingest.kinds.reading.aliases import plain
from ops.queries import Row

CHANCE = 0.001
"""A field that is not always there is missing once it is unlikelier than this that the samples lack it by chance."""
_CONTAINERS = ("object", "array")

FIELDS: LiteralString = """
SELECT source, kind, workflow_id, workflow.name AS workflow_name, path, came_as, samples, last_sample, first_seen,
  last_seen
FROM airudder.drift LEFT JOIN airudder.workflows AS workflow USING (source, workflow_id)
WHERE (%(source)s::text IS NULL OR source = %(source)s) AND (%(kind)s::text IS NULL OR kind = %(kind)s)
ORDER BY source, kind, workflow_id, path, came_as
"""


class Change(StrEnum):
    """In what a field differs, the most urgent first."""

    MISSING = "missing"
    """Documented, came before, and comes no more"""
    RETYPED = "retyped"
    """Documented as another type than came"""
    UNKNOWN = "unknown"
    """Not documented"""
    NEVER_CAME = "never came"
    """Documented, and in no sample"""
    BY_NAME = "known by name"
    """Of a kind of which no field is documented"""


ASKS = (Change.MISSING, Change.RETYPED, Change.UNKNOWN)
"""Changes that somebody should look at"""
_PLACES = {change: place for place, change in enumerate(Change)}


class DriftedField(msgspec.Struct, frozen=True, omit_defaults=True):
    """One field that differs. `samples`: how many had it, of `of` in all. `documented` and `came_as`: its types.
    `may_be`: the other name that it may have now, or had before."""

    source: str
    kind: str
    workflow_id: str
    workflow_name: str | None
    change: Change
    path: str
    samples: int
    of: int
    documented: str | None = None
    came_as: str | None = None
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    may_be: str | None = None

    @property
    def since(self) -> datetime | None:
        """When it was first seen that it differs; of a missing field when it was last there."""
        return self.last_seen if self.change == Change.MISSING else self.first_seen


class Samples(msgspec.Struct, frozen=True):
    """The samples of one source, kind and workflow, by when they were received."""

    source: str
    kind: str
    workflow_id: str
    workflow_name: str | None
    samples: int
    first_seen: datetime
    last_seen: datetime


class DriftReport(msgspec.Struct, frozen=True):
    """The samples, and the fields that differ in them: the most urgent change first, and of each the newest."""

    looked_at: list[Samples]
    findings: list[DriftedField]


def find_drift(connection: Connection[Row], source: str | None = None, kind: str | None = None) -> DriftReport:
    """Hold the fields that the sweeper has noted against what the vendor documents; of a source or kind, or of all."""
    groups: defaultdict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in connection.execute(FIELDS, {"source": source, "kind": kind}):
        groups[row["source"], row["kind"], row["workflow_id"]].append(row)
    looked_at, findings = [], []
    for rows in groups.values():
        group = _Group.of(rows)
        looked_at.append(msgspec.convert({**group.whole}, Samples))
        findings += _with_other_names(list(group.findings()))
    return DriftReport(looked_at, sorted(findings, key=_urgency))


def _urgency(one: DriftedField) -> tuple[int, float]:
    """By which the most urgent change stands first, and of those that ask for somebody the newest."""
    since = one.since if one.change in ASKS else None
    return _PLACES[one.change], -since.timestamp() if since else 0.0


@dataclass(frozen=True)
class _Group:
    """The fields of one source, kind and workflow."""

    whole: Row
    """The row of the push itself"""
    came: dict[str, list[Row]]
    """The others, by path"""
    documented: dict[str, str | None] | None
    """None where nothing is, as of a kind that is known by name"""

    @classmethod
    def of(cls, rows: Iterable[Row]) -> _Group:
        """The group that these rows are of."""
        came: defaultdict[str, list[Row]] = defaultdict(list)
        for row in rows:
            came[row["path"]].append(row)
        (whole,) = came.pop(WHOLE)
        return cls(whole, came, _documented(whole["kind"]))

    def findings(self) -> Iterator[DriftedField]:
        """The fields that differ."""
        for path, rows in self.came.items():
            if self.documented is None:
                yield self._finding(Change.BY_NAME, path, rows)
            elif path not in self.documented:
                yield self._finding(Change.UNKNOWN, path, rows)
            elif others := [row for row in rows if not _fits(row["came_as"], self.documented[path])]:
                yield self._finding(Change.RETYPED, path, others)
        for path in self.documented or ():
            if path not in self.came and self._has_had(parent_of(path)):
                yield self._finding(Change.NEVER_CAME, path, [])
            elif path in self.came and not path.endswith("[]") and self._is_missing(path):
                yield self._finding(Change.MISSING, path, self.came[path])

    def _has_had(self, parent: str) -> bool:
        # A field that never came says enough: those inside it need no lines of their own.
        return parent == WHOLE or any(row["came_as"] in _CONTAINERS for row in self.came.get(parent, ()))

    def _is_missing(self, path: str) -> bool:
        """Whether it came before, and its last absences are no chance. In a parent that is missing it is not told."""
        parent = parent_of(path)
        last = max(row["last_sample"] for row in self.came[path])
        until = self.whole["samples"] if parent == WHOLE else self._last_object(parent)
        share = min(sum(row["samples"] for row in self.came[path]), last) / (last + 1)
        return bool((1 - share) ** max(until - last, 0) < CHANCE)

    def _last_object(self, path: str) -> int:
        return max((row["last_sample"] for row in self.came.get(path, ()) if row["came_as"] in _CONTAINERS), default=0)

    def _finding(self, change: Change, path: str, rows: list[Row]) -> DriftedField:
        return DriftedField(
            source=self.whole["source"],
            kind=self.whole["kind"],
            workflow_id=self.whole["workflow_id"],
            workflow_name=self.whole["workflow_name"],
            change=change,
            path=path,
            samples=min(sum(row["samples"] for row in rows), self.whole["samples"]),
            of=self.whole["samples"],
            documented=(self.documented or {}).get(path),
            came_as=", ".join(row["came_as"] for row in rows) or None,
            first_seen=min((row["first_seen"] for row in rows), default=None),
            last_seen=max((row["last_seen"] for row in rows), default=None),
        )


def _documented(kind: str) -> dict[str, str | None] | None:
    try:
        return documented_fields(kind_of(kind)) or None
    except UnknownKindError:
        return None


def _fits(came_as: str, documented: str | None) -> bool:
    return documented is None or came_as in (NOTHING, documented)


def _with_other_names(findings: list[DriftedField]) -> list[DriftedField]:
    """An unknown field and a missing one beside it, whose names are alike, may be the same."""
    unknown = [one for one in findings if one.change == Change.UNKNOWN]
    missing = [one for one in findings if one.change in (Change.MISSING, Change.NEVER_CAME)]
    others: dict[str, str] = {}
    for one in unknown:
        for other in missing:
            if parent_of(one.path) == parent_of(other.path) and _are_alike(one.path, other.path):
                others.setdefault(one.path, other.path)
                others.setdefault(other.path, one.path)
    return [msgspec.structs.replace(one, may_be=others.get(one.path)) for one in findings]


def _are_alike(path: str, other: str) -> bool:
    shorter, longer = sorted((plain(path.rpartition(".")[2]), plain(other.rpartition(".")[2])), key=len)
    return longer.endswith(shorter) and len(shorter) > len("time")
