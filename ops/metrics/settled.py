"""Counters of what was settled: the log of settlements, added up from when the exporter began. They only go up.

A row becomes visible when its transaction commits, and has the time at which that began. So the newest minutes of the
log are added up anew each time, and only what is older is added for good. A counter begins at 0: from what an older
exporter has counted Prometheus knows that this one is another, and sees no jump.
"""
# ruff: noqa: S608 - the SQL is built of constants alone

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, LiteralString

from psycopg import Connection

from ops import queries
from ops.metrics.families import Histogram, Reading
from workers.settlements import LAG_BOUNDS
from workers.sweeper.frozen import LONGEST

SIZE_BOUNDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
OUTCOMES = ("normalised", "duplicate", "dead")

_COUNTED = (*OUTCOMES, "warned")
_COUNTS: LiteralString = ", ".join(f"sum(greatest({name}, 0))::bigint AS {name}" for name in _COUNTED)
_LAGS: LiteralString = ", ".join(f"sum(lag_counts[{place + 1}])" for place in range(len(LAG_BOUNDS) + 1))
_SIZES: LiteralString = ", ".join(f"count(*) FILTER (WHERE place = {place})" for place in range(len(SIZE_BOUNDS) + 1))
_SIZE_BOUNDS: LiteralString = ", ".join(f"{bound}" for bound in SIZE_BOUNDS)

NOW: LiteralString = "SELECT now() AS now"

KNOWN: LiteralString = (
    "SELECT DISTINCT source, kind FROM airudder.settlements WHERE settled_at > now() - interval '1 day'"
)

SETTLED: LiteralString = f"""
SELECT settled_at <= %(until)s AS is_old, source, kind, {_COUNTS}, ARRAY[{_LAGS}]::bigint[] AS lags,
  sum(lag_seconds) AS lag_seconds
FROM airudder.settlements WHERE settled_at > %(since)s GROUP BY 1, 2, 3
"""
"""An outcome that another one has replaced is not taken back here: a counter never falls."""

TRANSACTIONS: LiteralString = f"""
WITH one AS (
  SELECT settled_at, greatest(sum(normalised + duplicate + dead), 0) AS pushes FROM airudder.settlements
  WHERE settled_at > %(since)s AND attempt > 0 GROUP BY settled_at, worker
), placed AS (
  -- From the upper bounds to the places between them, as a bound belongs to what is below it.
  SELECT settled_at <= %(until)s AS is_old, pushes,
    width_bucket(pushes - 0.5, ARRAY[{_SIZE_BOUNDS}]::numeric[]) AS place
  FROM one
)
SELECT is_old, ARRAY[{_SIZES}]::bigint[] AS sizes, sum(pushes)::bigint AS pushes FROM placed GROUP BY 1
"""

_Connection = Connection[queries.Row]


class _Totals:
    """Counts by source and kind, their lags by source, and the sizes of transactions."""

    def __init__(self, counts: dict[tuple[str, str], list[int]]) -> None:
        self.counts = counts
        self.lags: dict[str, list[float]] = {}
        self.sizes = [0] * (len(SIZE_BOUNDS) + 1)
        self.pushes = 0

    def add_settled(self, rows: Iterable[queries.Row]) -> None:
        for row in rows:
            nothing = [0] * len(_COUNTED)
            so_far = self.counts.get((row["source"], row["kind"]), nothing)
            self.counts[row["source"], row["kind"]] = _sum(so_far, [row[name] for name in _COUNTED])
            lags = [*row["lags"], row["lag_seconds"]]
            self.lags[row["source"]] = _sum(self.lags.get(row["source"], [0.0] * len(lags)), lags)

    def add_transactions(self, rows: Iterable[queries.Row]) -> None:
        for row in rows:
            self.sizes = _sum(self.sizes, row["sizes"])
            self.pushes += row["pushes"]

    def copy(self) -> _Totals:
        copied = _Totals(dict(self.counts))
        copied.lags, copied.sizes, copied.pushes = dict(self.lags), list(self.sizes), self.pushes
        return copied

    def reading(self) -> Reading:
        return {
            "ingest_pushes_settled_total": {
                (*key, outcome): number
                for key, counts in self.counts.items()
                for outcome, number in zip(OUTCOMES, counts, strict=False)
            },
            "ingest_pushes_warned_total": {key: counts[-1] for key, counts in self.counts.items()},
            "ingest_settle_seconds": {
                (source,): Histogram(LAG_BOUNDS, [round(one) for one in lags[:-1]], lags[-1])
                for source, lags in self.lags.items()
            },
            "ingest_settlement_pushes": {(): Histogram(SIZE_BOUNDS, self.sizes, float(self.pushes))},
        }


class LogReader:
    """Reads the log; keeps where it is, and the sums up to there."""

    def __init__(self) -> None:
        self._since: datetime | None = None
        self._totals = _Totals({})

    def read(self, connection: _Connection) -> Reading:
        """Everything that was settled since the first call. Raises psycopg.Error, and goes on from there next time."""
        with connection.transaction():
            (row,) = connection.execute(NOW)
            if self._since is None:
                return self._begin(connection, row["now"])
            until = max(row["now"] - LONGEST, self._since)
            span = {"since": self._since, "until": until}
            settled = connection.execute(SETTLED, span).fetchall()
            transactions = connection.execute(TRANSACTIONS, span).fetchall()
        self._totals.add_settled(row for row in settled if row["is_old"])
        self._totals.add_transactions(row for row in transactions if row["is_old"])
        self._since = until
        now = self._totals.copy()
        now.add_settled(row for row in settled if not row["is_old"])
        now.add_transactions(row for row in transactions if not row["is_old"])
        return now.reading()

    def _begin(self, connection: _Connection, now: datetime) -> Reading:
        # Series that are there from the beginning, or Prometheus would not see their first push as a rise from 0.
        for row in connection.execute(KNOWN):
            self._totals.counts[row["source"], row["kind"]] = [0] * len(_COUNTED)
        self._since = now
        return self._totals.reading()


def _sum(one: list[Any], other: list[Any]) -> list[Any]:
    return [first + second for first, second in zip(one, other, strict=True)]
