"""Redeliveries: which pushes of a batch are the vendor's retries of bytes that came before.

Of deliveries of the same bytes within a day the first one is news. Each other is a retry, and writes its own row in
`pushes` and nothing else. A first delivery that is settled after a retry of it is `late`.

Bytes that are of no one moment are a retry for six minutes only, see `Kind.says_when`. A workflow may run, be paused
and run again within a day, and the third push then has the bytes of the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection

from ingest.batch.entry import body_digest
from ingest.tables.rows import CallRow, Normalised, PushRow
from workers import statements
from workers.arrays import array_of

REDELIVERY_WINDOW = timedelta(days=1)
"""The same bytes within a day are a retry by the vendor; after more than a day they are another push. Where they
are of no one moment they are another push after RETRIES_LAST."""

RETRIES_LAST = timedelta(minutes=6)
"""The vendor tries again five times, a minute apart; the sixth minute is for clocks that differ."""

_Connection = Connection[tuple[Any, ...]]
_Content = tuple[str, str, bytes]
"""Source, kind and body"""
Delivery = tuple[datetime, UUID]
"""When a push came, and its id. Of two deliveries the smaller pair came first."""
Deliveries = dict[Delivery, int]
"""Normalised deliveries of the same bytes, and the recurrence of each"""


@dataclass(frozen=True)
class Told:
    """The pushes of a batch, sorted into news, late deliveries and retries."""

    pushes: list[PushRow]
    """The rows of `pushes` but for late deliveries; retries are duplicates. Sorted by body: two workers with
    deliveries of the same bytes wait for each other in one order, and never both at once."""
    news: list[Normalised]
    """Pushes whose rows are to be written to the other tables"""
    late: list[Normalised]
    """First deliveries of which a retry is in the tables already"""


def tell_redeliveries(connection: _Connection, batch: Sequence[Normalised], *, known_calls_only: bool) -> Told:
    """Look up which bytes were normalised before, and sort the batch by that.

    `known_calls_only`: of pushes that write a call, look only for those whose call is in the tables. A push that this
    overlooks violates the unique index on the bytes.
    """
    normalised = sorted((one for one in batch if one.push.status == "normalised"), key=delivery_of)
    lock_near_midnight(connection, normalised)
    suspects = _of_known_calls(connection, normalised) if known_calls_only else normalised
    deliveries = _find_deliveries(connection, [one.push for one in suspects])
    pushes = [one.push for one in batch if one.push.status != "normalised"]
    told = Told(pushes, [], [])
    for one in normalised:
        same = deliveries.setdefault(_content_of(one.push), {})
        if not same:  # nearly every push
            same[delivery_of(one)] = one.push.recurrence
            pushes.append(one.push)
            told.news.append(one)
            continue
        others = _retries(one, same)
        if any(other < delivery_of(one) for other in others):
            pushes.append(one.push._replace(status="duplicate"))
            continue
        push = recurred(one, same)
        same[delivery_of(one)] = push.recurrence
        if others:
            told.late.append(one)
        else:
            pushes.append(push)
            told.news.append(one)
    pushes.sort(key=lambda push: (push.body, push.source, push.kind))
    return told


def find_same(connection: _Connection, one: Normalised) -> tuple[set[Delivery], Deliveries]:
    """Find the normalised deliveries that this push is a retry of, or that are retries of it; and all of its bytes
    within a day."""
    same = _find_deliveries(connection, [one.push]).get(_content_of(one.push), {})
    return _retries(one, same), same


def recurred(one: Normalised, same: Deliveries) -> PushRow:
    """The push as news, with a recurrence that no other news of the same bytes has on its day."""
    if delivery_of(one) in same:
        return one.push._replace(recurrence=same[delivery_of(one)])
    taken = [number for (moment, _), number in same.items() if moment.date() == one.push.received_at.date()]
    return one.push._replace(recurrence=max(taken, default=-1) + 1)


def _find_deliveries(connection: _Connection, pushes: Iterable[PushRow]) -> dict[_Content, Deliveries]:
    times = [push.received_at for push in pushes]
    if not times:
        return {}
    bodies = {body_digest(push.body): push.body for push in pushes}
    where = {
        "digests": list(bodies),
        "since": min(times) - REDELIVERY_WINDOW,
        "until": max(times) + REDELIVERY_WINDOW,
    }
    found: dict[_Content, Deliveries] = {}
    rows = connection.execute(statements.FIND_NORMALISED_DELIVERIES, where)
    for source, kind, digest, received_at, push_id, recurrence in rows:
        found.setdefault((source, kind, bodies[digest]), {})[received_at, push_id] = recurrence
    return found


def lock_near_midnight(connection: _Connection, batch: Sequence[Normalised]) -> None:
    """Lock bytes that came near midnight until the transaction ends, so that no other worker settles them meanwhile.

    Their deliveries may be in the partitions of two days, and the unique index covers one partition only. There are 256
    locks, one for each first byte of a digest, as Postgres has no room for a lock a push. In these minutes of a day
    workers therefore wait for each other.
    """
    times = [one.push.received_at for one in batch]
    if not times or not _is_midnight_near(min(times), max(times)):
        return
    pushes = [one.push for one in batch if _is_midnight_near(one.push.received_at, one.push.received_at)]
    if first_bytes := sorted({body_digest(push.body)[0] for push in pushes}):
        connection.execute(statements.LOCK_DIGESTS, {"bytes": first_bytes})


def _is_midnight_near(first: datetime, last: datetime) -> bool:
    return (last + RETRIES_LAST).date() != (first - RETRIES_LAST).date()


def _of_known_calls(connection: _Connection, normalised: list[Normalised]) -> list[Normalised]:
    # Kinds that are known by name may have a call's id, and write no call.
    call_ids = [one.push.call_id if CallRow in map(type, one.rows) else None for one in normalised]
    looked_up = [call_id for call_id in call_ids if call_id is not None]
    if not looked_up:
        return normalised
    known = set(connection.execute(statements.FIND_CALLS, [array_of(looked_up, "text")]).fetchall())
    return [
        one
        for one, call_id in zip(normalised, call_ids, strict=True)
        if call_id is None or (one.push.source, call_id) in known
    ]


def _retries(one: Normalised, same: Deliveries) -> set[Delivery]:
    """Those other deliveries of the same bytes that are so near that of the two the later one is a retry."""
    others = (other for other in same if other != delivery_of(one))
    return {other for other in others if abs(other[0] - one.push.received_at) <= window_of(one)}


def window_of(one: Normalised) -> timedelta:
    """For how long the same bytes are a retry."""
    return REDELIVERY_WINDOW if one.says_when else RETRIES_LAST


def delivery_of(one: Normalised) -> Delivery:
    """The delivery that a push is."""
    return one.push.received_at, one.push.push_id


def _content_of(push: PushRow) -> _Content:
    return push.source, push.kind, push.body
