"""Redeliveries: which pushes of a batch are the vendor's retries, and which were overtaken by a retry of theirs.

A retry is no news: of deliveries of the same bytes within a day the first one counts, and the others write nothing but
their own rows in `pushes`. Where a retry was settled before the first delivery, the first one is `late`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection

from ingest.tables.rows import Normalised, PushRow
from workers import statements

REDELIVERY_WINDOW = timedelta(days=1)
"""The same bytes within a day are the vendor's retry; later they are taken for a push of their own."""

RETRIES_LAST = timedelta(minutes=6)
"""The vendor tries five times again, a minute apart."""

_Connection = Connection[tuple[Any, ...]]
_Content = tuple[str, str, bytes]
"""Source, kind and body"""
Delivery = tuple[datetime, UUID]
"""When a push came, and its id: the smaller one came first"""


@dataclass(frozen=True)
class Told:
    """A batch, told apart."""

    pushes: list[PushRow]
    """The rows of `pushes`, retries as duplicates, in the order of their bodies: two workers that have deliveries of
    the same bytes wait for each other in one order"""
    news: list[Normalised]
    """What is to be written to the other tables"""
    late: list[Normalised]
    """First deliveries whose retry is in the tables already"""


def tell_redeliveries(connection: _Connection, batch: Sequence[Normalised], *, known_calls_only: bool) -> Told:
    """Look up which bytes were normalised before. `known_calls_only`: spare the look-up of those whose call is new, as
    a push that was normalised has left its call; the index on the bytes refuses what that overlooks."""
    normalised = sorted((one for one in batch if one.push.status == "normalised"), key=delivery_of)
    lock_near_midnight(connection, normalised)
    suspects = _of_known_calls(connection, normalised) if known_calls_only else normalised
    deliveries = find_deliveries(connection, [one.push for one in suspects])
    pushes = [one.push for one in batch if one.push.status != "normalised"]
    told = Told(pushes, [], [])
    for one in normalised:
        same = deliveries.setdefault(_content_of(one.push), set())
        others = [other for other in same if other != delivery_of(one) and _is_retry(other, delivery_of(one))]
        if any(other < delivery_of(one) for other in others):
            pushes.append(one.push._replace(status="duplicate"))
            continue
        same.add(delivery_of(one))
        if others:
            told.late.append(one)
        else:
            pushes.append(one.push)
            told.news.append(one)
    pushes.sort(key=lambda push: (push.body, push.source, push.kind))
    return told


def find_deliveries(connection: _Connection, pushes: Iterable[PushRow]) -> dict[_Content, set[Delivery]]:
    """The normalised deliveries of the same bytes, within a day of these pushes, by content."""
    times = [push.received_at for push in pushes]
    if not times:
        return {}
    bodies = {hashlib.sha256(push.body).digest(): push.body for push in pushes}
    where = {
        "digests": list(bodies),
        "since": min(times) - REDELIVERY_WINDOW,
        "until": max(times) + REDELIVERY_WINDOW,
    }
    found: dict[_Content, set[Delivery]] = {}
    for source, kind, digest, received_at, push_id in connection.execute(statements.FIND_NORMALISED_DELIVERIES, where):
        found.setdefault((source, kind, bodies[digest]), set()).add((received_at, push_id))
    return found


def lock_near_midnight(connection: _Connection, batch: Sequence[Normalised]) -> None:
    """Let nobody else settle the same bytes until the transaction ends, where one of their deliveries may be in another
    day's partition: the unique index is of one partition.

    Two hundred and fifty-six locks, by the digest's first byte: Postgres has no room for one a push. So workers wait
    for each other in these minutes of the day.
    """
    pushes = [one.push for one in batch if _is_near_midnight(one.push.received_at)]
    if first_bytes := sorted({hashlib.sha256(push.body).digest()[0] for push in pushes}):
        connection.execute(statements.LOCK_DIGESTS, {"bytes": first_bytes})


def _is_near_midnight(moment: datetime) -> bool:
    return (moment + RETRIES_LAST).date() != (moment - RETRIES_LAST).date()


def _of_known_calls(connection: _Connection, normalised: list[Normalised]) -> list[Normalised]:
    call_ids = [one.push.call_id for one in normalised if one.push.call_id is not None]
    known = set(connection.execute(statements.FIND_CALLS, [call_ids]).fetchall()) if call_ids else set()
    return [one for one in normalised if one.push.call_id is None or (one.push.source, one.push.call_id) in known]


def _is_retry(one: Delivery, other: Delivery) -> bool:
    return abs(one[0] - other[0]) <= REDELIVERY_WINDOW


def delivery_of(one: Normalised) -> Delivery:
    """When a push came, and its id."""
    return one.push.received_at, one.push.push_id


def _content_of(push: PushRow) -> _Content:
    return push.source, push.kind, push.body
