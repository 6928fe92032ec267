"""Blocks of days: `pushes` a few days at a time, where nobody knows when those came that are looked for.

A statement locks the partition of each day that it may look into, and its eight indexes. Days are kept for ever, and
Postgres has no room for the locks of thousands of them. So each block is looked at in a transaction of its own.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from itertools import pairwise
from typing import Any, LiteralString, NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

DAYS = 50
"""So many partitions are in a block."""

BEGIN, END = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
"""Between these all pushes came, also by a wrong clock: those without a partition of their day are in blocks too."""

FIND_DAYS: LiteralString = """
SELECT to_date(substring(relname FROM '^pushes_([0-9]{4}_[0-9]{2}_[0-9]{2})$'), 'YYYY_MM_DD') AS day
FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = 'airudder.pushes'::regclass
ORDER BY day
"""


class Block(NamedTuple):
    """Pushes that came at a time or later, and before another."""

    since: datetime
    until: datetime


def find_blocks(connection: Connection[Any]) -> list[Block]:
    """All of them, the oldest first."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        days = [day for (day,) in cursor.execute(FIND_DAYS) if day]
    return [Block(*bounds) for bounds in pairwise([BEGIN, *map(_midnight, days[DAYS::DAYS]), END])]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
