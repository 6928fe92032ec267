"""Drift: which fields the newest pushes have, so that people see what the vendor has changed. Samples, in idle time."""
# ruff: noqa: S608 - the fragments are constants

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from redis import Redis

from ingest.batch import keys
from ingest.batch.entry import Entry, stored_entry
from ingest.errors import NotAnObjectError, NotJsonError, UnknownKindError
from ingest.kinds import kind_of
from ingest.kinds.fields import WHOLE, documented_fields, fields_of, unknown_name, without_name
from ingest.kinds.normalise import NOTHING_RECOGNISED
from workers.database import Database
from workers.opened import OpenedSamples
from workers.sweeper.chore import REST_SECONDS, Chore
from workers.sweeper.retention import AnyConnection

LOOKED_AT = 2000
"""Pushes of which one look reads what they are of: the newest, and those around a rare one"""
RARE = 10
"""Sources and kinds that have none among the newest, and are looked for in one look"""
SAMPLES = 5
"""Of each workflow of a source and kind so many are read in one look"""
SAMPLED_BYTES = 4 * 1024 * 1024
"""How large all samples of one look are together, but for the first"""
WORKFLOWS = 200
"""Of a source and kind so many are told apart; all others are OTHERS."""
OTHERS = "*"
UNKNOWN_PATHS = 100
"""Of a workflow; more would be keys that are values."""
SURE = 3
"""So many pushes have a name that nobody documents before it is noted: until then it may be a person's."""
UNSURE = 10_000
"""Names that are kept in mind until they were seen so often; if there are more, all are forgotten."""
KEPT_DAYS = 90
BUSY_SECONDS = 2.0
"""While a batch waits for longer, workers are behind, and Postgres has better things to do."""

_ARE_SAMPLES: LiteralString = "(status = 'normalised' OR (status = 'dead' AND error = %(nothing)s))"

# The rows hold their bodies, so only the newest are read, and of the others not even where they are.
FIND_NEWEST: LiteralString = f"""
SELECT push_id, received_at, source, kind, coalesce(workflow_id, ''), octet_length(body)
FROM (
  SELECT * FROM airudder.pushes WHERE received_at > now() - interval '1 day' ORDER BY received_at DESC LIMIT %(pushes)s
) AS newest
WHERE {_ARE_SAMPLES} ORDER BY received_at DESC
"""

FIND_SETTLED: LiteralString = """
SELECT DISTINCT ON (source, kind) source, kind, hour, settled_at FROM airudder.settlements
WHERE settled_at > coalesce(%(since)s::timestamptz, now() - interval '1 day') - interval '1 minute'
  AND normalised + dead > 0
ORDER BY source, kind, settled_at DESC
"""
"""Some that were settled shortly before the last look may not have been committed then."""

FIND_RARE: LiteralString = f"""
SELECT push_id, received_at, source, kind, coalesce(workflow_id, ''), octet_length(body)
FROM (
  SELECT * FROM airudder.pushes
  WHERE received_at >= %(hour)s AND received_at < least(%(settled_at)s, %(hour)s + interval '1 hour')
  ORDER BY received_at DESC LIMIT %(pushes)s
) AS came
WHERE source = %(source)s AND kind = %(kind)s AND {_ARE_SAMPLES} ORDER BY received_at DESC
"""
"""They came shortly before they were settled; where workers were far behind they may not be found."""

TELL_TIME: LiteralString = "SELECT now()"

FIND_LOOKED_AT: LiteralString = """
SELECT source, kind, workflow_id, samples, last_seen FROM airudder.drift WHERE path = %(whole)s
"""

FIND_BODIES: LiteralString = """
SELECT push_id, received_at, source, kind, body, signature FROM airudder.pushes
WHERE received_at = ANY (%(times)s) AND push_id = ANY (%(push_ids)s) AND status IN ('normalised', 'dead')
"""

FIND_PATHS: LiteralString = """
SELECT source, kind, workflow_id, path FROM airudder.drift
JOIN unnest(%(sources)s::text[], %(kinds)s::text[], %(workflow_ids)s::text[]) AS wanted (source, kind, workflow_id)
  USING (source, kind, workflow_id)
"""

NOTE_FIELDS: LiteralString = """
INSERT INTO airudder.drift AS stored (
  source, kind, workflow_id, path, came_as, samples, last_sample, first_seen, last_seen)
SELECT * FROM unnest(
  %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::timestamptz[],
  %s::timestamptz[])
ON CONFLICT (source, kind, workflow_id, path, came_as) DO UPDATE SET
  samples = stored.samples + excluded.samples, last_sample = excluded.last_sample, last_seen = excluded.last_seen
WHERE stored.last_sample < excluded.last_sample
"""
"""Done again after a failure, it counts no sample twice."""

FORGET_OLD_FIELDS: LiteralString = """
DELETE FROM airudder.drift WHERE last_seen < now() - make_interval(days => %(days)s)
"""


class Group(NamedTuple):
    """Pushes that should be alike."""

    source: str
    kind: str
    workflow_id: str


class _Sample(NamedTuple):
    push_id: UUID
    received_at: datetime


class _Looked(NamedTuple):
    samples: int
    until: datetime | None


class _Seen(NamedTuple):
    """One field of a group, in the samples of one look."""

    samples: int
    last_sample: int
    first_seen: datetime
    last_seen: datetime


_Fields = dict[tuple[str, str], _Seen]


class _Found(NamedTuple):
    """The pushes that one look is about; `paths`: those that are noted already."""

    now: datetime
    looked: dict[Group, _Looked]
    chosen: dict[Group, list[_Sample]]
    entries: list[Entry]
    paths: dict[Group, set[str]]


class _Names:
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


class FieldSamples(Chore):
    """Notes the fields of samples of each source, kind and workflow, each push once."""

    name = "samples of fields"
    every = 60.0
    rest = REST_SECONDS

    def __init__(self, client: Redis, database: Database) -> None:
        self._client = client
        self._database = database
        self._looked_at: datetime | None = None
        self._names = _Names()
        self._opened = OpenedSamples()

    def run_once(self) -> int:
        """Look at what came since the last look, unless workers are behind; return 0."""
        if not self._is_busy():
            found = self._database.run(partial(_find, since=self._looked_at))
            rows = _rows(found, self._opened.bodies(found.entries), self._names)
            self._database.run(partial(_note, rows=rows))
            self._looked_at = found.now
        return 0

    def _is_busy(self) -> bool:
        oldest: Any = self._client.zrange(keys.BATCHES, 0, 0, withscores=True)
        return any(opened_at < time.time() - BUSY_SECONDS for _, opened_at in oldest)


def _find(connection: AnyConnection, since: datetime | None) -> _Found:
    """Find the pushes to be looked at. `since`: when the last look of this process was."""
    ((now,),) = connection.execute(TELL_TIME).fetchall()
    found = connection.execute(FIND_LOOKED_AT, {"whole": WHOLE}).fetchall()
    looked = {Group(*group): _Looked(samples, until) for *group, samples, until in found}
    chosen = _choose(_candidates(connection, since), looked)
    samples = [sample for of_group in chosen.values() for sample in of_group]
    where = {"times": [one.received_at for one in samples], "push_ids": [one.push_id for one in samples]}
    entries = [stored_entry(*row) for row in connection.execute(FIND_BODIES, where)]
    return _Found(now, looked, chosen, entries, _paths(connection, chosen))


def _rows(found: _Found, bodies: dict[UUID, bytes], names: _Names) -> list[tuple[Any, ...]]:
    """The rows of the fields that the samples have, in the order of their keys."""
    rows: list[tuple[Any, ...]] = []
    for group, samples in found.chosen.items():
        before = found.looked[group].samples if group in found.looked else 0
        came = [(one, bodies[one.push_id]) for one in samples if one.push_id in bodies]
        known = found.paths[group]
        fields = _bounded(group, _fields(group, came, before, names, known), known)
        rows += [(*group, *field, *seen) for field, seen in fields.items()]
    return sorted(rows)


def _note(connection: AnyConnection, rows: list[tuple[Any, ...]]) -> None:
    connection.execute(NOTE_FIELDS, [list(column) for column in zip(*rows, strict=True)] or [[]] * 9)
    connection.execute(FORGET_OLD_FIELDS, {"days": KEPT_DAYS})


def _candidates(connection: AnyConnection, since: datetime | None) -> Iterator[tuple[Any, ...]]:
    """The newest pushes, and those of sources and kinds that have none among them and were settled since a time."""
    where = {"pushes": LOOKED_AT, "nothing": NOTHING_RECOGNISED}
    newest = connection.execute(FIND_NEWEST, where).fetchall()
    yield from newest
    frequent = {(source, kind) for _, _, source, kind, *_ in newest}
    settled = connection.execute(FIND_SETTLED, {"since": since}).fetchall()
    rare = [row for row in settled if row[:2] not in frequent]
    for source, kind, hour, settled_at in rare[:RARE]:
        found = {"source": source, "kind": kind, "hour": hour, "settled_at": settled_at}
        yield from connection.execute(FIND_RARE, where | found).fetchall()


def _choose(candidates: Iterable[tuple[Any, ...]], looked: dict[Group, _Looked]) -> dict[Group, list[_Sample]]:
    """The newest pushes of each group that came since the last look, the oldest of them first."""
    workflows = Counter((group.source, group.kind) for group in looked)
    chosen: defaultdict[Group, list[_Sample]] = defaultdict(list)
    size = 0
    for push_id, received_at, source, kind, workflow_id, length in candidates:
        group = Group(source, kind, workflow_id)
        if group not in looked and group not in chosen and workflows[source, kind] >= WORKFLOWS:
            group = group._replace(workflow_id=OTHERS)
        until = looked[group].until if group in looked else None
        is_new = until is None or received_at > until
        if is_new and len(chosen[group]) < SAMPLES and (not size or size + length <= SAMPLED_BYTES):
            workflows[source, kind] += group not in looked and not chosen[group]
            chosen[group].insert(0, _Sample(push_id, received_at))
            size += length
    return {group: samples for group, samples in chosen.items() if samples}


def _paths(connection: AnyConnection, groups: Iterable[Group]) -> dict[Group, set[str]]:
    """The paths that are noted already."""
    sources, kinds, workflow_ids = zip(*groups, strict=True) if groups else ((), (), ())
    where = {"sources": list(sources), "kinds": list(kinds), "workflow_ids": list(workflow_ids)}
    paths: defaultdict[Group, set[str]] = defaultdict(set)
    for *group, path in connection.execute(FIND_PATHS, where):
        paths[Group(*group)].add(path)
    return paths


def _fields(
    group: Group, samples: Iterable[tuple[_Sample, bytes]], before: int, names: _Names, known: set[str]
) -> _Fields:
    """The fields of these samples; `before`: how many samples there were in earlier looks."""
    seen: _Fields = {}
    with suppress(UnknownKindError):  # a newer release took it
        kind = kind_of(group.kind)
        documented = documented_fields(kind)
        came: list[tuple[_Sample, set[tuple[str, str]]]] = []
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
