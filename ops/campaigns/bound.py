"""Bound: how far back the calls of a period are counted, so that a question costs no more than it may."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from psycopg import Connection

from ops.campaigns import statements
from ops.days import Period
from ops.queries import Row


class Bounded(NamedTuple):
    """The part of a period that is counted. `counted_since`: where it begins, if it is not the whole."""

    period: Period
    counted_since: datetime | None


def bounded(connection: Connection[Row], period: Period, most: int) -> Bounded:
    """The newest part of a period, with about so many calls at most; of the same moment there may be some more."""
    with connection.transaction():
        # Of today's rows the visibility map says little yet: then all calls would be read and sorted, in seconds.
        connection.execute("SET LOCAL enable_seqscan = off")
        connection.execute("SET LOCAL enable_bitmapscan = off")
        row = connection.execute(statements.LATEST_BEYOND, {**period._asdict(), "most": most}).fetchone()
    beyond = row["started_at"] if row else None
    return Bounded(period if beyond is None else period._replace(since=beyond), beyond)
