"""The facts that Postgres knows, by index alone: how many pushes there are in the tables is no matter."""
# ruff: noqa: S608 - the SQL is built of constants alone

from __future__ import annotations

from typing import Any, LiteralString

from psycopg import Connection

from ingest.errors import NotAllowedError, PostgresAwayError
from ingest.settings import Settings
from ops import connecting, probes, queries, totals
from ops.quantile import quantile
from ops.status.facts import PostgresFacts, Settled
from ops.warnings import warned_pushes
from workers.selection import ALIKE
from workers.settlements import LAG_BOUNDS
from workers.sweeper.day_blocks import find_blocks

NEWEST_DEAD = 1000
"""Dead letters of which the causes are counted"""
CAUSES = 10
"""Of them so many are told."""

_LAGS: LiteralString = ", ".join(f"sum(lag_counts[{place}])" for place in range(1, len(LAG_BOUNDS) + 2))

SETTLED_LATELY: LiteralString = f"""
SELECT source, kind, sum(normalised) AS normalised, sum(duplicate) AS duplicate, sum(dead) AS dead,
  coalesce(sum(normalised + duplicate + dead) FILTER (WHERE settled_at > now() - interval '1 minute'), 0)
    AS last_minute,
  min(settled_at) FILTER (WHERE dead > 0) AS dead_since, ARRAY[{_LAGS}]::bigint[] AS lags
FROM airudder.settlements WHERE settled_at > now() - interval '15 minutes' AND attempt > 0
GROUP BY source, kind ORDER BY source, kind
"""
"""Of attempts alone: a discard, or the begin of a replay, takes old outcomes back, and would hide as many new ones."""

SETTLED_BEFORE: LiteralString = """
SELECT source, kind, sum(dead)::float / nullif(sum(normalised + duplicate + dead), 0) AS share
FROM (SELECT source, kind, normalised, duplicate, dead FROM airudder.settlements
  WHERE settled_at <= now() - interval '15 minutes' AND attempt > 0
  ORDER BY settled_at DESC LIMIT 20000) AS before
GROUP BY source, kind
"""
"""Of so many transactions, which is a day's or an hour's: enough to tell what is usual."""

LAST_SETTLED: LiteralString = "SELECT max(settled_at) AS settled_at FROM airudder.settlements"

DEAD_BY_CAUSE: LiteralString = f"""
SELECT kind, error, error_path, count(*) AS pushes, max(received_at) AS last_received_at
FROM (SELECT kind, {ALIKE.format(error="error")} AS error, error_path, received_at FROM airudder.pushes
  WHERE status = 'dead' AND received_at >= %(since)s AND received_at < %(until)s
  ORDER BY received_at DESC LIMIT %(most)s) AS newest
GROUP BY kind, error, error_path
"""
"""With # for each number in an error, such as the place of a byte"""

_Rows = Connection[queries.Row]


LOOK_SECONDS = 8.0
"""Tables may be locked, or a disk may stand still: then Redis's facts are told, and that Postgres says nothing"""


def look(current: Settings) -> PostgresFacts:
    """Gather the facts."""
    try:
        with queries.connect(current) as connection, connecting.ended_after(connection, LOOK_SECONDS):
            pending, waits_for = totals.pending(connection)
            dead, _ = totals.dead(connection)
            (last,) = connection.execute(LAST_SETTLED)
            ahead = queries.one(connection, queries.PARTITIONS_AHEAD)
            return PostgresFacts(
                pending=pending,
                oldest_pending_seconds=round(waits_for, 1),
                dead=dead,
                dead_by_cause=_dead_by_cause(connection) if dead else [],
                settled=_settled(connection),
                settled_at=last["settled_at"],
                warned_last_24_hours=warned_pushes(connection),
                is_partition_missing=not ahead["days"],
                kept=_kept(connection),
                longest_silences={row["source"]: row["seconds"] for row in connection.execute(queries.SILENCES)},
                cannot_store=probes.put_in_postgres(connection),  # last: it may end the connection
            )
    except (PostgresAwayError, NotAllowedError) as error:
        return PostgresFacts(error=str(error))


def _settled(connection: _Rows) -> list[Settled]:
    rows = connection.execute(SETTLED_LATELY).fetchall()
    if not rows:
        return []
    usual = {(row["source"], row["kind"]): row["share"] or 0.0 for row in connection.execute(SETTLED_BEFORE)}
    return [
        Settled(
            lag_median=quantile(lags := row.pop("lags"), LAG_BOUNDS, 0.5) or 0.0,
            lag_most=quantile(lags, LAG_BOUNDS, 0.99) or 0.0,
            usually_dead=max(0.0, usual.get((row["source"], row["kind"]), 0.0)),
            **row,
        )
        for row in rows
    ]


def _dead_by_cause(connection: _Rows) -> list[queries.Row]:
    """The most frequent causes of the newest dead letters, a block of days after another."""
    causes: dict[tuple[str, ...], queries.Row] = {}
    for block in reversed(find_blocks(connection)):
        most = NEWEST_DEAD - sum(row["pushes"] for row in causes.values())
        for row in connection.execute(DEAD_BY_CAUSE, {**block._asdict(), "most": most}):
            cause = (row["kind"], row["error"], row["error_path"])
            if cause in causes:
                causes[cause]["pushes"] += row["pushes"]
            else:
                causes[cause] = row
    return sorted(causes.values(), key=lambda row: (-row["pushes"], -row["last_received_at"].timestamp()))[:CAUSES]


def _kept(connection: _Rows) -> dict[str, Any]:
    """The oldest raw push, and what retention has removed."""
    kept: dict[str, Any] = {"oldest_push": totals.oldest_push(connection)}
    for row in connection.execute(queries.RETENTION):
        what = row.pop("what")
        kept |= {f"{what}_{name}": value for name, value in row.items()}
    return kept
