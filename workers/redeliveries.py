"""Redeliveries: marks the pushes of a batch whose very bytes were normalised before, within a day."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection

from workers import statements
from workers.merge import Key
from workers.rows import PushRow

REDELIVERY_WINDOW = timedelta(days=1)
"""The same bytes within a day are the vendor's retry; later they are taken for a push of their own."""

_Deliveries = dict[tuple[str, str, bytes], dict[UUID, datetime]]
"""By source, kind and body: the push ids and when they came"""


def mark_redeliveries(
    connection: Connection[tuple[Any, ...]], pushes: Sequence[PushRow], known_calls: set[Key]
) -> list[PushRow]:
    """The same pushes, those that were normalised before, or are twice among them, as duplicates.

    The other rows of a redelivery are those of the first delivery, and newer: written as well, they make the end the
    same in whatever order the two are settled.
    """
    normalised = [push for push in pushes if push.status == "normalised"]
    # A push that was normalised has left its call, so that most need not be looked for.
    suspects = [push for push in normalised if push.call_id is None or (push.source, push.call_id) in known_calls]
    deliveries = _normalised_deliveries(connection, suspects) if suspects else {}
    return [_marked(push, deliveries) if push.status == "normalised" else push for push in pushes]


def _marked(push: PushRow, deliveries: _Deliveries) -> PushRow:
    same = deliveries.setdefault((push.source, push.kind, push.body), {})
    for push_id, received_at in same.items():
        if push_id != push.push_id and abs(received_at - push.received_at) <= REDELIVERY_WINDOW:
            return push._replace(status="duplicate")
    same[push.push_id] = push.received_at
    return push


def _normalised_deliveries(connection: Connection[tuple[Any, ...]], pushes: Sequence[PushRow]) -> _Deliveries:
    times = [push.received_at for push in pushes]
    bodies = {hashlib.sha256(push.body).digest(): push.body for push in pushes}
    found = connection.execute(
        statements.FIND_NORMALISED_DELIVERIES_OF_DIGESTS,
        {
            "digests": list(bodies),
            "since": min(times) - REDELIVERY_WINDOW,
            "until": max(times) + REDELIVERY_WINDOW,
        },
    )
    deliveries: _Deliveries = {}
    for source, kind, digest, push_id, received_at in found:
        deliveries.setdefault((source, kind, bodies[digest]), {})[push_id] = received_at
    return deliveries
