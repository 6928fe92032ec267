"""Settlements: the log of what each transaction has settled, written by it. From the log others tell what became of
pushes without a look at the pushes themselves.

A row holds counts, for one source, kind and hour of arrival. Where Postgres alone knows which outcomes are new, the
statement that writes them counts them. A COPY's are counted here. Neither needs a round trip of its own.
"""
# ruff: noqa: S608 - the SQL is built of constants alone

from __future__ import annotations

import os
import socket
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any, LiteralString

from psycopg import Connection

from ingest.tables.rows import PushRow
from workers.attempts import Attempt

LAG_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0)
"""Seconds. `lag_counts` has a count of the lags below each bound and not below the one before it, and one of the
rest."""

_COLUMNS: LiteralString = (
    "settled_at, batch_id, worker, attempt, source, kind, hour, normalised, duplicate, dead, warned, through_redis, "
    "lag_counts, lag_seconds"
)

_INSERT: LiteralString = f"""
INSERT INTO airudder.settlements ({_COLUMNS})
VALUES (now(), %b::uuid, %b::text, %b::integer, %b::text, %b::text, %b::timestamptz, %b::integer, %b::integer,
  %b::integer, %b::integer, %b::integer, %b::integer[], %b::float)
"""


def _balance(outcome: LiteralString, is_so: LiteralString = "true") -> LiteralString:
    """How many more pushes have an outcome than had it before."""
    return (
        f"count(*) FILTER (WHERE status = '{outcome}' AND {is_so})"
        f" - count(*) FILTER (WHERE former = '{outcome}' AND {is_so})"
    )


_BOUNDS: LiteralString = ", ".join(map(str, LAG_BOUNDS))
_LAG_COUNTS: LiteralString = ", ".join(
    f"count(*) FILTER (WHERE former IS NULL AND place = {place})" for place in range(len(LAG_BOUNDS) + 1)
)


FIRST_OUTCOME: LiteralString = "stored.through_redis AND stored.replayed_at IS NULL"
"""Of a push that had none, or was pending: whether it is the first one since Redis has counted the push. One that is
replayed had another before."""


def logged(
    settle: LiteralString,
    former: LiteralString = "NULL",
    *,
    is_first: LiteralString = "false",
    is_warned: LiteralString = "stored.warnings IS NOT NULL",
    told: LiteralString = "",
    attempt: LiteralString = "%b::uuid, %b::text, %b::integer",
) -> LiteralString:
    """A statement that gives pushes an outcome, and logs it. As many rows come back as have it now and had not before.

    Its first parameters are those of `parameters`, if `attempt` is not another SQL for these. `settle` calls the rows
    `stored`. The others are SQL. `former`: the outcome that they had. `is_first`: whether they had none since Redis has
    counted them. `is_warned`: whether they have warnings, or had. `told`: the columns that come back.
    """
    return f"""
WITH attempt (batch_id, worker, number) AS (VALUES ({attempt})),
settled AS ({settle}RETURNING stored.push_id, stored.source, stored.kind, stored.received_at, stored.status,
  {is_warned} AS is_warned, {former}::text AS former, {is_first} AS is_first,
  greatest(0, extract(epoch FROM now() - coalesce(stored.replayed_at, stored.received_at)))::float AS lag
),
placed AS (SELECT *, width_bucket(lag, ARRAY[{_BOUNDS}]::float[]) AS place FROM settled),
logged AS (
  INSERT INTO airudder.settlements ({_COLUMNS})
  SELECT now(), batch_id, worker, number, source, kind, date_trunc('hour', received_at, 'UTC') AS hour,
    {_balance("normalised")}, {_balance("duplicate")}, {_balance("dead")}, {_balance("normalised", "is_warned")},
    count(*) FILTER (WHERE is_first), ARRAY[{_LAG_COUNTS}], coalesce(sum(lag) FILTER (WHERE former IS NULL), 0)
  FROM placed CROSS JOIN attempt GROUP BY batch_id, worker, number, source, kind, hour
)
SELECT {told} FROM settled
"""


def parameters(attempt: Attempt) -> list[Any]:
    """The batch, the worker and the number of the attempt, as the log has them."""
    return [attempt.batch_id, this_process(), attempt.number]


def this_process() -> str:
    """Host and process id, as the log has a worker."""
    return f"{socket.gethostname()}:{os.getpid()}"


def log_new(connection: Connection[Any], pushes: Iterable[PushRow], now: datetime, attempt: Attempt) -> None:
    """Log the outcomes of pushes that came through Redis and had none. `now` is when the transaction began, by
    Postgres's clock."""
    groups: dict[tuple[str, str, int, int], list[PushRow]] = {}
    for push in pushes:
        came = push.received_at
        # The hour itself would cost twenty times as much to compute as what tells it from others.
        groups.setdefault((push.source, push.kind, came.toordinal(), came.hour), []).append(push)
    for group in groups.values():
        connection.execute(_INSERT, [*parameters(attempt), *_counts(group, now)], prepare=True)


def _counts(group: list[PushRow], now: datetime) -> list[Any]:
    """The rest of the columns for pushes of one source, kind and hour."""
    outcomes = Counter([push.status for push in group])
    warned = sum(push.warnings is not None for push in group if push.status == "normalised")
    lags = [max(0.0, (now - push.received_at).total_seconds()) for push in group]
    places = Counter([bisect_right(LAG_BOUNDS, lag) for lag in lags])
    first = group[0]
    return [
        *(first.source, first.kind, first.received_at.replace(minute=0, second=0, microsecond=0)),
        *(outcomes["normalised"], outcomes["duplicate"], outcomes["dead"], warned, len(group)),
        [places[place] for place in range(len(LAG_BOUNDS) + 1)],
        sum(lags),
    ]
