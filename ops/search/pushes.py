"""A search: the pushes that a filter means, the newest first, page by page; what is in flight stands before them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import Connection

from ingest.batch.push_ids import id_of, microsecond_of, received_at_of
from ingest.errors import RedisAwayError
from ingest.kinds.reading.identifiers import id_spellings
from ingest.settings import Settings
from ops import in_flight, queries
from ops.search.filters import IN_FLIGHT, Filter, Place
from ops.search.found import FoundPush
from ops.search.in_redis import FoundInFlight, find_in_flight
from ops.search.meaning import meaning_of, told_last
from ops.search.statements import end_of, page_of

PAGE = 50
"""Pushes of a page"""
STRETCH = 5_000
"""Pushes that are looked at for one page, where no index has a condition"""

_Connection = Connection[queries.Row]


class FoundPage(msgspec.Struct, frozen=True):
    """One page, the newest push first.

    `in_flight`: what is in Redis alone, on the first page. `newer` and `older`: where the pages beside it begin, None
    where there is none. `further`: where to look on if a stretch of pushes was looked at and gave no full page; it
    ended at `looked_until`. `told_last`: where to look for a workflow or task of which the stretch has nothing, and
    the tables do. `left_out`: what was not looked at, in words.
    """

    pushes: list[FoundPush]
    in_flight: list[FoundPush]
    found_as: tuple[str, ...]
    newer: Place | None
    older: Place | None
    further: Place | None
    left_out: list[str]
    told_last: Place | None = None

    @property
    def looked_until(self) -> datetime | None:
        """When the last push came that was looked at; None if all were."""
        return received_at_of(self.further.push_id) if self.further else None


NOTHING = FoundPage([], [], (), None, None, None, [])


def find_pushes(
    current: Settings, wanted: Filter, place: Place | None = None, *, show_personal: bool = False
) -> FoundPage:
    """The page that begins at a place, the newest pushes if it is None.

    Its cost is bounded, however many there are. Raises PostgresAwayError; without Redis it says what was left out.
    """
    flying, left_out = FoundInFlight([], []), []
    # Redis first: a push that moves on while we read is seen twice, and not missed.
    if place is None and wanted.outcome in ("", IN_FLIGHT):
        try:
            with in_flight.connect(current) as client:
                flying = find_in_flight(client, wanted)
        except RedisAwayError as error:
            left_out.append(f"pushes in flight: {error}")
    with queries.connect(current) as connection:
        waiting = _unsettled(connection, flying.pushes)
        found = NOTHING if wanted.outcome == IN_FLIGHT else find_stored(connection, wanted, place)
    found = msgspec.structs.replace(found, in_flight=waiting, left_out=[*left_out, *flying.left_out])
    return found if show_personal else _masked(found)


def find_stored(connection: _Connection, wanted: Filter, place: Place | None) -> FoundPage:
    """The same of what is in Postgres, unmasked."""
    meant = meaning_of(connection, wanted.identifier)
    where = {**meant.parameters, **_parameters(wanted, place)}
    rows = connection.execute(page_of(meant, wanted, place).encode(), where).fetchall()
    pushes = [msgspec.convert(row, FoundPush) for row in rows[:PAGE]]
    has_more, is_newer = len(rows) > PAGE, bool(place and place.newer)
    end = None if has_more else connection.execute(end_of(meant, wanted, place).encode(), where).fetchone()
    pushes = pushes[::-1] if is_newer else pushes
    newer, older = _beside(pushes, place, has_more=has_more)
    further = Place(end["push_id"], is_newer) if end else None
    told = None
    if further and not (pushes or meant.found_as) and (unindexed := wanted.identifier or wanted.workflow):
        told = told_last(connection, unindexed)
    return FoundPage(pushes, [], meant.found_as, newer, older, further, [], _behind(told) if told else None)


def _behind(at: datetime) -> Place:
    """The place from which a push of this moment is the next older one."""
    return Place(UUID(bytes=id_of(microsecond_of(at) + 1, 0)))


def _beside(pushes: Sequence[FoundPush], place: Place | None, *, has_more: bool) -> tuple[Place | None, Place | None]:
    """Where the newer and the older page begin. Towards the side that the page was read from there is always one."""
    first, last = (pushes[0].push_id, pushes[-1].push_id) if pushes else (None, None)
    if place is None:
        return None, Place(last) if last and has_more else None
    if place.newer:
        return Place(first, newer=True) if first and has_more else None, Place(last or place.push_id)
    return Place(first or place.push_id, newer=True), Place(last) if last and has_more else None


def _parameters(wanted: Filter, place: Place | None) -> dict[str, Any]:
    values = {name: getattr(wanted, name) for name in wanted.__struct_fields__}
    values |= {"workflows": sorted(id_spellings(wanted.workflow)), "stretch": STRETCH, "most": PAGE + 1}
    if place:
        values |= {"place_push_id": place.push_id, "place_received_at": received_at_of(place.push_id)}
    return values


def _unsettled(connection: _Connection, flying: Sequence[FoundPush]) -> list[FoundPush]:
    """Those that no worker has settled since they were read from Redis."""
    where = {"push_ids": [one.push_id for one in flying], "times": [one.received_at for one in flying]}
    settled = {row["push_id"] for row in connection.execute(queries.ARRIVED_THROUGH_REDIS, where)}
    return [one for one in flying if one.push_id not in settled]


def _masked(found: FoundPage) -> FoundPage:
    pushes, waiting = ([one.masked() for one in some] for some in (found.pushes, found.in_flight))
    return msgspec.structs.replace(found, pushes=pushes, in_flight=waiting)
