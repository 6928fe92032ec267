"""The log of settlements against the pushes: the same sums, whatever has happened to them."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

Rows = Connection[dict[str, Any]]

GROUPED = """
SELECT source, kind, date_trunc('hour', received_at, 'UTC') AS hour,
  count(*) FILTER (WHERE status = 'normalised') AS normalised,
  count(*) FILTER (WHERE status = 'duplicate') AS duplicate,
  count(*) FILTER (WHERE status = 'dead') AS dead,
  count(*) FILTER (WHERE status = 'normalised' AND warnings IS NOT NULL) AS warned,
  count(*) FILTER (WHERE through_redis AND (status <> 'pending' OR replayed_at IS NOT NULL)) AS through_redis
FROM airudder.pushes GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
LOGGED = """
SELECT source, kind, hour, sum(normalised) AS normalised, sum(duplicate) AS duplicate, sum(dead) AS dead,
  sum(warned) AS warned, sum(through_redis) AS through_redis
FROM airudder.settlements GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
LAGS = "SELECT sum(lag) AS lags FROM airudder.settlements CROSS JOIN unnest(lag_counts) AS lag"
COUNTS = ("normalised", "duplicate", "dead", "warned", "through_redis")


def assert_outcomes_logged(connection: Rows) -> None:
    """The log says of each source, kind and hour what `pushes` does."""
    logged, settled = ([row for row in connection.execute(sums) if _is_any(row)] for sums in (LOGGED, GROUPED))
    assert logged == settled


def adds_up(connection: Rows) -> bool:
    """Whether the log says so and has one lag a push, of pushes none of which was taken back."""
    assert_outcomes_logged(connection)
    (lags,) = connection.execute(LAGS).fetchall()
    settled = connection.execute(GROUPED).fetchall()
    return bool(lags["lags"] == sum(row["normalised"] + row["duplicate"] + row["dead"] for row in settled))


def _is_any(row: dict[str, Any]) -> bool:
    return any(row[name] for name in COUNTS)
