"""All that is known of one push, for people: its story, its body, its rows, and the other deliveries of its call."""

from __future__ import annotations

from uuid import UUID

import msgspec
from psycopg import Connection
from redis import Redis

from ingest.batch.entry import Entry, read_entry, stored_entry
from ingest.batch.push_ids import received_at_of
from ingest.errors import NotOpenedError
from ingest.opening.openers import openers
from ingest.settings import Settings
from ops import in_flight, queries
from ops.identifiers import push_key
from ops.search.body import ShownBody, show_body
from ops.search.found import FoundPush, found_in_flight
from ops.search.statements import DELIVERIES, PUSH_IN_FULL
from ops.trace.in_redis import batch_steps_in_redis, entry_steps
from ops.trace.known import read_known
from ops.trace.lookup import look_up
from ops.trace.steps import PushSteps
from ops.trace.story import Event, TraceStep, in_order

OPENED_WITHIN_SECONDS = 60.0
"""So long after a push came its batch is there at the latest: web keeps none waiting for more than a second."""
MOST_DELIVERIES = 50
"""Of one call: the newest"""

_Connection = Connection[queries.Row]


class PushWarning(msgspec.Struct, frozen=True):
    """One warning: where in the body, and what was wrong."""

    path: str
    problem: str


class Content(msgspec.Struct, frozen=True):
    """The body of a push: how many bytes came, whether signed and encrypted, and its lines. `body`: None where nothing
    is left of it or it cannot be opened, for which `problem` says why."""

    size: int
    signed: bool
    encrypted: bool
    body: ShownBody | None
    problem: str | None = None


class SeenPush(msgspec.Struct, frozen=True):
    """One push. `group`: the fingerprint of its group, if it is dead. `steps`: its story in time order, with that of
    other deliveries of the same bytes; `wrote`: the steps that say which rows it wrote. `deliveries`: those of its
    call and of its bytes, itself included, the newest first. `left_out`: what was not looked at, in words."""

    push: FoundPush
    error_path: str | None
    group: str | None
    warnings: list[PushWarning]
    steps: list[TraceStep]
    wrote: list[TraceStep]
    deliveries: list[FoundPush]
    left_out: list[str]
    content: Content


def see_push(current: Settings, push_id: UUID, *, show_personal: bool = False) -> SeenPush | None:
    """All that is known of a push; None if there is none of this id. Numbers, case ids and the values of its body are
    masked unless they are asked for. Raises PostgresAwayError, or RedisAwayError for what is not in Postgres."""
    if received_at_of(push_id) is None:
        return None
    # Again, as it may have been settled between the two looks.
    return (
        _see_stored(current, push_id, show_personal)
        or _see_in_flight(current, push_id, show_personal)
        or _see_stored(current, push_id, show_personal)
    )


def raw_body(current: Settings, push_id: UUID) -> bytes | None:
    """The body of a push in Postgres as it came, byte for byte; None if there is none of this id."""
    row = _row(current, push_id)
    return bytes(row["body"]) if row else None


def callee_number_of(current: Settings, push_id: UUID) -> str | None:
    """Whom a push in Postgres is about; None if it says no number, or there is none of this id."""
    row = _row(current, push_id)
    return row["callee_number"] if row else None


def _row(current: Settings, push_id: UUID) -> queries.Row | None:
    with queries.connect(current) as connection:
        return connection.execute(queries.PUSH_BY_ID, push_key(push_id)).fetchone()


def _see_stored(current: Settings, push_id: UUID, show_personal: bool) -> SeenPush | None:
    with queries.connect(current) as connection:
        row = connection.execute(PUSH_IN_FULL, push_key(push_id)).fetchone()
        if row is None:
            return None
        found = look_up(connection, str(push_id))
        known = read_known(connection, found.pushes.values())
        deliveries = _deliveries(connection, row, known.pushes)
    steps = in_order(PushSteps(known, show_personal=show_personal).all())
    entry = stored_entry(push_id, row["received_at"], row["source"], row["kind"], bytes(row["body"]), row["signature"])
    warnings = msgspec.convert(row["warnings"] or [], list[PushWarning])
    return SeenPush(
        push=_shown(msgspec.convert(row, FoundPush), show_personal),
        error_path=row["error_path"],
        group=row["fingerprint"] if row["status"] == "dead" else None,
        warnings=warnings,
        steps=[step for step in steps if step.event not in (Event.WARNED, Event.WROTE)],
        wrote=[step for step in steps if step.event == Event.WROTE and step.push_id == push_id],
        deliveries=[_shown(one, show_personal) for one in deliveries],
        left_out=[*found.left_out, *known.left_out],
        content=_content(entry, warnings, show_personal),
    )


def _see_in_flight(current: Settings, push_id: UUID, show_personal: bool) -> SeenPush | None:
    with in_flight.connect(current) as client:
        found = _find_in_flight(client, push_id)
        if found is None:
            return None
        batch_id, entry = found
        steps = in_order([*entry_steps(batch_id, entry), *batch_steps_in_redis(client, batch_id)])
    push = _shown(found_in_flight(entry), show_personal)
    content = _content(entry, [], show_personal)
    return SeenPush(push, None, None, [], steps, [], [push], [], content)


def _find_in_flight(client: Redis, push_id: UUID) -> tuple[str, Entry] | None:
    """The push and its batch. An id of a push that is long gone is looked for in no batch."""
    came = received_at_of(push_id)
    assert came, "the id is a push's"
    # A batch is opened by the first push in it, and a push joins the newest of its web process.
    until = came.timestamp() + OPENED_WITHIN_SECONDS
    for batch_id, encoded in in_flight.encoded_in_flight(client, newest_first=True, opened_by=until):
        if push_id.bytes in encoded and (entry := read_entry(encoded)) and entry.uuid == push_id:
            return batch_id, entry
    return None


def _deliveries(connection: _Connection, row: queries.Row, alike: list[queries.Row]) -> list[FoundPush]:
    where = {"call_id": row["call_id"], "source": row["source"], "most": MOST_DELIVERIES}
    where |= {"push_ids": [one["push_id"] for one in alike], "times": [one["received_at"] for one in alike]}
    return [msgspec.convert(one, FoundPush) for one in connection.execute(DELIVERIES, where)]


def _content(entry: Entry, warnings: list[PushWarning], show_personal: bool) -> Content:
    size, signed, encrypted = len(entry.body), entry.signature is not None, openers().is_encrypted(entry)
    if not entry.body:
        return Content(size, signed, encrypted, None, "nothing is left of it")
    try:
        opened = openers().readable(entry)
    except NotOpenedError as error:
        return Content(size, signed, encrypted, None, str(error))
    paths = [one.path for one in warnings]
    return Content(size, signed, encrypted, show_body(entry.kind, opened, paths, masked=not show_personal))


def _shown(one: FoundPush, show_personal: bool) -> FoundPush:
    return one if show_personal else one.masked()
