"""Every SQL statement that writes `airudder.history`, by name."""
# ruff: noqa: S608 - the SQL is built of constants alone

from __future__ import annotations

from typing import LiteralString

from workers.settlements import LAG_BOUNDS
from workers.sweeper.history.tally import COLUMNS, OUTCOMES

_PLACES = range(1, len(LAG_BOUNDS) + 2)
_LAGS: LiteralString = ", ".join(f"sum(lag_counts[{place}])::bigint" for place in _PLACES)
_GIVEN: LiteralString = ", ".join(f"sum(greatest({outcome}, 0))::bigint" for outcome in OUTCOMES)

LOCK_HISTORY: LiteralString = "SELECT pg_try_advisory_xact_lock(hashtext('airudder-ingest history'))"
"""A sweeper that lost its own lock in the middle of a pass may still be at it."""

FIND_REACH: LiteralString = """
SELECT now(), (SELECT max(begun_at) FROM airudder.history), (SELECT min(settled_at) FROM airudder.settlements)
"""

WRITE_SETTLED: LiteralString = f"""
WITH log AS (
  SELECT date_trunc('minute', settled_at, 'UTC') AS minute, source, kind, ARRAY[{_GIVEN}] AS given,
    ARRAY[{_LAGS}] AS lag_counts
  FROM airudder.settlements WHERE settled_at >= %(since)s AND settled_at < %(until)s GROUP BY 1, 2, 3
), settled AS (
  SELECT minute, jsonb_object_agg(source || E'\\t' || kind, given) AS settled, ARRAY[{_LAGS}] AS lag_counts
  FROM log GROUP BY minute
)
INSERT INTO airudder.history AS stored (begun_at, settled, lag_counts)
SELECT minute, coalesce(settled, '{{}}'), coalesce(lag_counts, '{{}}')
FROM generate_series(%(since)s::timestamptz, %(until)s::timestamptz - interval '1 minute', '1 minute') AS one (minute)
LEFT JOIN settled USING (minute)
ON CONFLICT (begun_at) DO UPDATE SET settled = excluded.settled, lag_counts = excluded.lag_counts
WHERE (stored.settled, stored.lag_counts) IS DISTINCT FROM (excluded.settled, excluded.lag_counts)
"""
"""Counted anew from the log each time, so it may be done again. An outcome that another one has replaced is not taken
back, as metrics do not either."""

FIND_COUNTERS: LiteralString = """
SELECT begun_at, counters::text, extract(epoch FROM now() - counted_at)::float FROM airudder.history
WHERE counters IS NOT NULL ORDER BY begun_at DESC LIMIT 1
"""

FIND_TALLIES: LiteralString = f"""
SELECT {COLUMNS} FROM airudder.history WHERE begun_at >= %(since)s AND begun_at < %(until)s ORDER BY begun_at
"""

WRITE_COUNTED: LiteralString = """
UPDATE airudder.history SET seconds = %(seconds)s, kept = %(kept)s, refused = %(refused)s,
  keep_counts = %(keep_counts)s, counters = %(counters)s, counted_at = now()
WHERE begun_at = %(minute)s
"""

FORGET_COUNTERS: LiteralString = """
UPDATE airudder.history SET counters = NULL, counted_at = NULL WHERE begun_at = %(begun_at)s
"""

FIND_OLDEST_MINUTE: LiteralString = """
SELECT date_trunc('hour', begun_at, 'UTC') FROM airudder.history
WHERE minutes = 1 AND begun_at < least(
  %(before)s, (SELECT max(begun_at) FROM airudder.history) - interval '2 hours')
ORDER BY begun_at LIMIT 1
"""
"""The newest minutes are not yet as they will stay, and those before them are looked for by the newest one."""

DELETE_HISTORY: LiteralString = """
DELETE FROM airudder.history WHERE begun_at >= %(since)s AND begun_at < %(until)s
"""

WRITE_HOUR: LiteralString = """
INSERT INTO airudder.history (begun_at, minutes, seconds, kept, refused, keep_counts, settled, lag_counts)
VALUES (%(since)s, 60, %(seconds)s, %(kept)s, %(refused)s, %(keep_counts)s, %(settled)s, %(lag_counts)s)
"""

DELETE_OLD_HISTORY: LiteralString = """
DELETE FROM airudder.history WHERE begun_at < %(before)s
"""
