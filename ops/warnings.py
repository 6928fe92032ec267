"""Warnings: which fields of the last day's pushes became null or were changed, by source and path."""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString
from uuid import UUID

import msgspec
from psycopg import Connection

from ops import queries
from ops.queries import Row

NEWEST = 1000
"""Pushes with warnings of which the paths are counted: after a change of the vendor's every push may have one."""

YESTERDAY: LiteralString = "SELECT now() - interval '1 day' AS since"
"""Asked by itself: a statement that reckons a time itself locks the partitions of all days."""

WARNED_BY_PATH: LiteralString = r"""
WITH newest AS MATERIALIZED (
  SELECT push_id, received_at, source, kind, warnings FROM airudder.pushes
  WHERE warnings IS NOT NULL AND received_at > %(since)s ORDER BY received_at DESC LIMIT %(newest)s
)
SELECT (SELECT count(*) FROM newest) AS counted, source, kind, path, count(*) AS pushes,
  max(received_at) AS last_seen, (array_agg(push_id ORDER BY received_at DESC))[1] AS newest_push_id
FROM newest CROSS JOIN LATERAL (
  SELECT DISTINCT regexp_replace(warning ->> 'path', '\[[0-9]+\]', '[]', 'g') AS path
  FROM jsonb_array_elements(warnings) AS each (warning)) AS warned
GROUP BY source, kind, path ORDER BY pushes DESC, last_seen DESC, path
"""
"""By an index that has only pushes with warnings."""


class WarnedPath(msgspec.Struct, frozen=True):
    """One path at which pushes of a source and kind have warnings; the items of an array are `[]`."""

    source: str
    kind: str
    path: str
    pushes: int
    last_seen: datetime
    newest_push_id: UUID


class WarnedPushes(msgspec.Struct, frozen=True):
    """The pushes of the last day that have warnings: how many were counted, whether that is all, and their paths."""

    counted: int
    is_all: bool
    paths: list[WarnedPath]


def warned_pushes(connection: Connection[Row]) -> WarnedPushes:
    """The newest pushes with warnings, by source, kind and path, the most frequent path first."""
    where = queries.one(connection, YESTERDAY)
    rows = connection.execute(WARNED_BY_PATH, {**where, "newest": NEWEST}).fetchall()
    counted = rows[0]["counted"] if rows else 0
    return WarnedPushes(counted, counted < NEWEST, [msgspec.convert(row, WarnedPath) for row in rows])
