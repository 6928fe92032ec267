"""Dead letters by what they died of: a group has one kind and one error."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg import Connection

from ingest.batch.entry import Entry, stored_entry
from ops import queries
from workers.selection import ALIKE, Selection

_GROUPS: LiteralString = """
SELECT kind, error, error_path AS path, sum(pushes)::bigint AS pushes,
  array_agg(DISTINCT source ORDER BY source) AS sources, min(first_seen) AS first_seen, max(last_seen) AS last_seen
FROM (
  SELECT source, kind, {alike} AS error, error_path, pushes, first_seen, last_seen
  FROM (
    SELECT source, kind, error, error_path, count(*) AS pushes, min(received_at) AS first_seen,
      max(received_at) AS last_seen
    FROM airudder.pushes WHERE {where} GROUP BY source, kind, error, error_path) AS by_error
) AS by_group
GROUP BY kind, error, error_path ORDER BY pushes DESC, last_seen DESC
"""
"""From an index alone. Numbers are taken out of an error once for all pushes that have it."""

_SAMPLE: LiteralString = """
SELECT push_id, received_at, source, kind, body, signature FROM airudder.pushes
WHERE received_at = %(last_seen)s AND status = 'dead' AND kind = %(kind)s AND error_path = %(path)s
ORDER BY push_id LIMIT 1
"""

_NEWEST: LiteralString = """
SELECT push_id, received_at, source, octet_length(body) AS bytes FROM airudder.pushes JOIN (
  SELECT received_at, push_id FROM (
    SELECT received_at, push_id, kind, error, error_path FROM airudder.pushes
    WHERE {where} AND received_at <= %(last_seen)s
    ORDER BY received_at DESC, push_id DESC LIMIT %(looked_at)s) AS newest
  WHERE kind = %(kind)s AND error_path = %(path)s AND {alike} = %(error)s
  ORDER BY received_at DESC, push_id DESC LIMIT %(limit)s) AS of_group USING (received_at, push_id)
ORDER BY received_at DESC, push_id DESC
"""
"""From the newest of the group on; of a group whose other pushes are far apart not all that there are."""

NEWEST_AMONG = 10_000
"""Dead letters that are looked at for the newest of a group"""

DEAD_AMONG: LiteralString = """
SELECT push_id FROM airudder.pushes
WHERE received_at = ANY (%(times)s) AND push_id = ANY (%(push_ids)s) AND status = 'dead'
"""

_Connection = Connection[queries.Row]


@dataclass(frozen=True)
class DeadGroup:
    """Dead letters with one cause."""

    kind: str
    error: str
    """With `#` for each number in it"""
    path: str
    pushes: int
    sources: list[str]
    first_seen: datetime
    last_seen: datetime
    """When the first and the last of them came"""

    @property
    def fingerprint(self) -> str:
        """By which an operator names the group; the same wherever the cause is."""
        return hashlib.sha256("\0".join((self.kind, self.error, self.path)).encode()).hexdigest()[:8]


@dataclass(frozen=True)
class DeadPush:
    """One of a group."""

    push_id: UUID
    received_at: datetime
    source: str
    bytes: int
    """Of its body, as it came"""


def find_groups(selection: Selection) -> str:
    """The SQL of the groups of the dead letters that are meant."""
    return _GROUPS.format(alike=ALIKE.format(error="error"), where=selection.where())


def dead_groups(connection: _Connection, selection: Selection) -> list[DeadGroup]:
    """The groups of the dead letters that are meant, the largest first."""
    found = connection.execute(find_groups(selection).encode(), selection.parameters())
    return [DeadGroup(**row) for row in found]


def find_newest(selection: Selection) -> str:
    """The SQL of the newest dead letters of a group, among those that are meant."""
    return _NEWEST.format(alike=ALIKE.format(error="error"), where=selection.where())


def newest_of(connection: _Connection, group: DeadGroup, selection: Selection, limit: int) -> list[DeadPush]:
    """The newest pushes of a group, among the dead letters that are meant."""
    where = {**selection.parameters(), **vars(group), "looked_at": NEWEST_AMONG, "limit": limit}
    return [DeadPush(**row) for row in connection.execute(find_newest(selection).encode(), where)]


def find_group(connection: _Connection, fingerprint: str) -> DeadGroup | None:
    """The group of this fingerprint."""
    groups = dead_groups(connection, Selection(statuses=("dead",)))
    return next((group for group in groups if group.fingerprint == fingerprint), None)


def find_dead(connection: _Connection, push_ids: Iterable[UUID]) -> set[UUID]:
    """Which of these pushes are dead letters."""
    where = Selection(statuses=("dead",), push_ids=tuple(push_ids)).parameters()
    return {row["push_id"] for row in connection.execute(DEAD_AMONG, where)}


def sample_of(connection: _Connection, group: DeadGroup) -> Entry | None:
    """A push of the group, its newest; None where it was replayed or discarded meanwhile."""
    row = connection.execute(_SAMPLE, vars(group)).fetchone()
    return stored_entry(**row) if row else None
