"""All that Postgres knows of some pushes: their bodies, events, rows, and the transactions that settled them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from ops.queries import Row, columns
from ops.trace import statements
from ops.trace.story import Event
from ops.trace.written import Written, rows_written

MOST_BYTES = 8 * 1024 * 1024
"""Of bodies that are read for one trace"""

_Connection = Connection[Row]


@dataclass(frozen=True)
class Known:
    """All that is known of some pushes, by push id unless it says otherwise."""

    pushes: list[Row]
    """As `statements` selects them, the oldest first"""
    bodies: dict[UUID, Row]
    events: defaultdict[UUID, list[Row]]
    settlements: dict[tuple[Any, ...], Row]
    """By time, source, kind and hour"""
    duplicates: dict[UUID, Row]
    """Of redeliveries the settlement, where only one comes into question"""
    written: defaultdict[UUID, list[Written]]
    left_out: list[str]

    def settler(self, push: Row, at: datetime) -> Row:
        """The worker that settled a push at this time, and the batch, if that is still known."""
        hour = push["received_at"].replace(minute=0, second=0, microsecond=0)
        return settler_in(self.settlements.get((at, push["source"], push["kind"], hour), {}))

    def died_at(self, push_id: UUID) -> datetime | None:
        """When a push died last."""
        return next((event["at"] for event in reversed(self.events[push_id]) if event["event"] == Event.DIED), None)


def settler_in(settlement: Row) -> Row:
    """The worker, its attempt and the batch, as far as a settlement tells."""
    return {name: settlement[name] for name in ("worker", "attempt", "batch_id") if settlement.get(name) is not None}


def read_known(connection: _Connection, found: Iterable[Row]) -> Known:
    """Read what is known of pushes, each as `statements` selects it."""
    pushes = sorted(found, key=lambda push: (push["received_at"], push["push_id"]))
    left_out: list[str] = []
    bodies = _bodies(connection, pushes, left_out)
    events = _events(connection, pushes)
    normalised = [push["push_id"] for push in pushes if push["status"] == "normalised"]
    written: defaultdict[UUID, list[Written]] = defaultdict(list)
    for one in rows_written(connection, [bodies[push_id] for push_id in normalised if push_id in bodies]):
        written[one.push_id].append(one)
    settlements = _settlements(connection, pushes, events)
    return Known(pushes, bodies, events, settlements, _duplicates(connection, pushes), written, left_out)


def _bodies(connection: _Connection, pushes: list[Row], left_out: list[str]) -> dict[UUID, Row]:
    wanted: list[Row] = []
    size = 0
    for push in reversed(pushes):
        size += push["bytes"]
        if size > MOST_BYTES and wanted:
            left_out.append("answers and rows of the oldest pushes: their bodies are many bytes")
            break
        if push["bytes"]:
            wanted.append(push)
    where = {"times": [one["received_at"] for one in wanted], "push_ids": [one["push_id"] for one in wanted]}
    return {row["push_id"]: row for row in connection.execute(statements.BODIES, where)}


def _events(connection: _Connection, pushes: list[Row]) -> defaultdict[UUID, list[Row]]:
    events: defaultdict[UUID, list[Row]] = defaultdict(list)
    for row in connection.execute(statements.EVENTS, columns(pushes, "push_id")):
        events[row["push_id"]].append(row)
    return events


def _settlements(
    connection: _Connection, pushes: list[Row], events: dict[UUID, list[Row]]
) -> dict[tuple[Any, ...], Row]:
    moments = [event["at"] for of_push in events.values() for event in of_push if event["event"] == Event.DIED]
    moments += [push["normalised_at"] for push in pushes if push["normalised_at"]]
    rows = connection.execute(statements.SETTLEMENTS_AT, {"moments": moments})
    return {(row["settled_at"], row["source"], row["kind"], row["hour"]): row for row in rows}


def _duplicates(connection: _Connection, pushes: list[Row]) -> dict[UUID, Row]:
    duplicates = [push for push in pushes if push["status"] == "duplicate"]
    where = columns(duplicates, "push_id", "source", "kind")
    where["times"] = [push["received_at"] for push in duplicates]
    found = connection.execute(statements.SETTLEMENTS_OF_DUPLICATES, where).fetchall() if duplicates else []
    counts = Counter(row["push_id"] for row in found)
    return {row["push_id"]: row for row in found if counts[row["push_id"]] == 1}
