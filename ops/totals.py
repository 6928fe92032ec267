"""Totals: how many pushes of all days are pending or dead, and when the first came.

They are asked for every few seconds, and a block of days at a time. A statement on all days would take so many locks
that none might be left for workers.
"""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString

from psycopg import Connection

from ops import queries
from workers.sweeper.day_blocks import find_blocks

PENDING: LiteralString = """
SELECT count(*) AS pushes,
  (SELECT extract(epoch FROM now() - min(waits_since))::float FROM (
    SELECT coalesce(replayed_at, received_at) AS waits_since FROM airudder.pushes
    WHERE status = 'pending' AND received_at >= %(since)s AND received_at < %(until)s
    ORDER BY received_at LIMIT 1000) AS next) AS oldest_seconds
FROM airudder.pushes WHERE status = 'pending' AND received_at >= %(since)s AND received_at < %(until)s
"""
"""Each status by itself, as each has an index of its own. The age is that of the oldest thousand of the block: only its
rows tell since when a push has been waiting."""

DEAD: LiteralString = """
SELECT count(*) AS pushes, extract(epoch FROM now() - min(received_at))::float AS oldest_seconds
FROM airudder.pushes WHERE status = 'dead' AND received_at >= %(since)s AND received_at < %(until)s
"""

OLDEST_PUSH: LiteralString = """
SELECT min(received_at) AS received_at FROM airudder.pushes WHERE received_at >= %(since)s AND received_at < %(until)s
"""

_Connection = Connection[queries.Row]


def pending(connection: _Connection) -> tuple[int, float]:
    """How many pushes are pending, and for how many seconds the oldest has waited; 0 where there is none."""
    return _sum(connection, PENDING)


def dead(connection: _Connection) -> tuple[int, float]:
    """How many pushes are dead, and how many seconds ago the oldest came; 0 where there is none."""
    return _sum(connection, DEAD)


def oldest_push(connection: _Connection) -> datetime | None:
    """When the oldest push came that is kept."""
    for block in find_blocks(connection):
        oldest: datetime | None = queries.one(connection, OLDEST_PUSH, block._asdict())["received_at"]
        if oldest:
            return oldest
    return None


def _sum(connection: _Connection, statement: LiteralString) -> tuple[int, float]:
    found = [queries.one(connection, statement, block._asdict()) for block in find_blocks(connection)]
    return sum(row["pushes"] for row in found), max((row["oldest_seconds"] or 0.0 for row in found), default=0.0)
