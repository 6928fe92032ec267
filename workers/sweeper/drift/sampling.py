"""Sampling: which pushes one look is about, so that it costs little however many there are."""
# ruff: noqa: S608 - the fragments are constants

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from ingest.batch.entry import Entry, stored_entry
from ingest.kinds.fields import WHOLE
from ingest.kinds.normalise import NOTHING_RECOGNISED
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

_ARE_SAMPLES: LiteralString = "(status = 'normalised' OR (status = 'dead' AND error = %(nothing)s))"

# The rows hold their bodies, so only the newest are read, and of the others not even where they are.
FIND_NEWEST: LiteralString = f"""
SELECT push_id, received_at, source, kind, coalesce(workflow_id, ''), octet_length(body)
FROM (
  SELECT * FROM airudder.pushes WHERE received_at > %(yesterday)s ORDER BY received_at DESC LIMIT %(pushes)s
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
  WHERE received_at >= %(hour)s AND received_at < %(before)s
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


class Group(NamedTuple):
    """Pushes that should be alike."""

    source: str
    kind: str
    workflow_id: str


class Sample(NamedTuple):
    """One push."""

    push_id: UUID
    received_at: datetime


class Looked(NamedTuple):
    """How many pushes of a group were sampled before, and when the newest of them came."""

    samples: int
    until: datetime | None


class ChosenSamples(NamedTuple):
    """The pushes that one look is about; `paths`: those that are noted already."""

    now: datetime
    looked: dict[Group, Looked]
    chosen: dict[Group, list[Sample]]
    entries: list[Entry]
    paths: dict[Group, set[str]]


def find_samples(connection: AnyConnection, since: datetime | None) -> ChosenSamples:
    """Find the pushes to be looked at. `since`: when the last look of this process was."""
    ((now,),) = connection.execute(TELL_TIME).fetchall()
    found = connection.execute(FIND_LOOKED_AT, {"whole": WHOLE}).fetchall()
    looked = {Group(*group): Looked(samples, until) for *group, samples, until in found}
    chosen = _choose(_candidates(connection, since, now), looked)
    samples = [sample for of_group in chosen.values() for sample in of_group]
    where = {"times": [one.received_at for one in samples], "push_ids": [one.push_id for one in samples]}
    bodies = connection.execute(FIND_BODIES, where) if samples else ()
    entries = [stored_entry(*row) for row in bodies]
    return ChosenSamples(now, looked, chosen, entries, _paths(connection, chosen))


def _candidates(connection: AnyConnection, since: datetime | None, now: datetime) -> Iterator[tuple[Any, ...]]:
    """The newest pushes, and those of sources and kinds that have none among them and were settled since a time."""
    where = {"pushes": LOOKED_AT, "nothing": NOTHING_RECOGNISED, "yesterday": now - timedelta(days=1)}
    newest = connection.execute(FIND_NEWEST, where).fetchall()
    yield from newest
    frequent = {(source, kind) for _, _, source, kind, *_ in newest}
    settled = connection.execute(FIND_SETTLED, {"since": since}).fetchall()
    rare = [row for row in settled if row[:2] not in frequent]
    for source, kind, hour, settled_at in rare[:RARE]:
        before = min(settled_at, hour + timedelta(hours=1))
        found = {"source": source, "kind": kind, "hour": hour, "before": before}
        yield from connection.execute(FIND_RARE, where | found).fetchall()


def _choose(candidates: Iterable[tuple[Any, ...]], looked: dict[Group, Looked]) -> dict[Group, list[Sample]]:
    """The newest pushes of each group that came since the last look, the oldest of them first."""
    workflows = Counter((group.source, group.kind) for group in looked)
    chosen: defaultdict[Group, list[Sample]] = defaultdict(list)
    size = 0
    for push_id, received_at, source, kind, workflow_id, length in candidates:
        group = Group(source, kind, workflow_id)
        if group not in looked and group not in chosen and workflows[source, kind] >= WORKFLOWS:
            group = group._replace(workflow_id=OTHERS)
        until = looked[group].until if group in looked else None
        is_new = until is None or received_at > until
        if is_new and len(chosen[group]) < SAMPLES and (not size or size + length <= SAMPLED_BYTES):
            workflows[source, kind] += group not in looked and not chosen[group]
            chosen[group].insert(0, Sample(push_id, received_at))
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
