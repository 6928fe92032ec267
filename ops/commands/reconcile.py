"""`ingest reconcile`: compares what was acknowledged with the outcomes; a difference is a lost or a doubled push."""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import msgspec
from psycopg import Connection
from redis import Redis

from ingest import settings
from ingest.batch.entry import hour_name
from ops import in_flight, queries
from ops.output import print_table

OUTCOMES = ("normalised", "duplicate", "dead", "discarded", "erased")
DAYS = 7
"""How many days back it looks; Redis keeps its counts for a day longer."""
PAUSE_SECONDS = 0.5
READINGS = 10
"""How often everything is read at most, while pushes arrive in between"""


@dataclass
class Hour:
    """The pushes of one source in one hour."""

    hour: str
    """UTC, `2026-11-25T04`"""
    source: str
    in_redis: int = 0
    """How many were acknowledged because Redis had stored them: it counts them as it stores them"""
    outcomes: Counter[str] = field(default_factory=Counter)
    """How many are in Postgres, by status"""
    stored_by_web: int = 0
    """How many of those web stored in Postgres, while Redis was away: Redis has not counted them"""
    in_batches: int = 0
    """How many are in batches, and have no row yet that says that they came through Redis"""
    is_moving: bool = False
    """Whether pushes arrived while both sides were read, so that a difference means nothing yet"""

    @property
    def acknowledged(self) -> int:
        """How many pushes were answered 200."""
        return self.in_redis + self.stored_by_web

    @property
    def in_flight(self) -> int:
        """How many pushes have no outcome yet: those in batches, and pending ones."""
        return self.in_batches + self.outcomes["pending"]

    @property
    def difference(self) -> int:
        """How many acknowledged pushes have no outcome and are not in flight; below 0, how many are there too much."""
        return self.acknowledged - self.outcomes.total() - self.in_batches

    def row(self) -> dict[str, Any]:
        """The columns that are printed."""
        return {
            "hour": self.hour,
            "source": self.source,
            "acknowledged": self.acknowledged,
            **{outcome: self.outcomes[outcome] for outcome in OUTCOMES},
            "in_flight": self.in_flight,
            "difference": "moving" if self.is_moving and self.difference else self.difference,
        }


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array, for scripts.")
def command(as_json: bool) -> None:
    """Check that everything acknowledged has an outcome, by hour and source.

    For the last seven days, or as far back as raw pushes are kept. Exit code 1 on a difference. An hour in which
    pushes keep arriving is told as moving, and not judged.
    """
    current = settings.load()
    with in_flight.connect(current) as client, queries.connect(current) as connection:
        hours = reconcile(client, connection)
    rows = [hour.row() for hour in hours]
    if as_json:
        click.echo(msgspec.json.encode(rows))
    else:
        print_table("acknowledged, and what became of it", rows)
    wrong = sum(abs(hour.difference) for hour in hours if not hour.is_moving)
    if wrong:
        click.echo(f"{wrong} pushes too few or too many", err=True)
        sys.exit(1)


def reconcile(client: Redis, connection: Connection[queries.Row]) -> list[Hour]:
    """Read every hour of the last DAYS in which something was acknowledged, oldest first."""
    for reading in range(READINGS):
        if reading:
            time.sleep(PAUSE_SECONDS)
        hours = _read(client, connection)
        if not any(hour.is_moving and hour.difference for hour in hours):
            break
    return hours


def _read(client: Redis, connection: Connection[queries.Row]) -> list[Hour]:
    since = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
    # Redis first, then Postgres: a push that moves on meanwhile is seen in at least one of them. If it is seen in both,
    # its row says that it came through Redis.
    counts = in_flight.acknowledged(client)
    entries = in_flight.entries_in_flight(client)
    rows, from_redis = queries.outcomes_and_arrived(connection, since, list(entries))
    moved = in_flight.acknowledged(client)
    # Read after the rows: for what retention removed before they were read no outcome is expected.
    for row in connection.execute(queries.PUSHES_CLEARED_BEFORE):
        since = max(since, row["cleared_before"])
    hours: dict[tuple[str, str], Hour] = {}

    def at(hour: str, source: str) -> Hour:
        return hours.setdefault((hour, source), Hour(hour, source))

    for (hour, source), count in moved.items():
        at(hour, source).in_redis = count
        at(hour, source).is_moving = count != counts.get((hour, source))
    for row in rows:
        one = at(row["hour"], row["source"])
        one.outcomes[row["status"]] += row["pushes"]
        one.stored_by_web += row["stored_by_web"]
    for push_id, (hour, source) in entries.items():
        at(hour, source).in_batches += push_id not in from_redis
    return [hours[key] for key in sorted(hours) if key[0] >= hour_name(since)]
