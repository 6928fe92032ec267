"""One trace: what Redis has of an id, and what Postgres has, in the order of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from psycopg import Connection
from redis import Redis

from ingest.batch.entry import Entry
from ingest.errors import PostgresAwayError, RedisAwayError
from ingest.settings import Settings
from ops import in_flight, queries
from ops.identifiers import typed_uuid
from ops.trace.in_redis import Search, batch_steps_in_redis, entry_steps
from ops.trace.known import read_known
from ops.trace.lookup import look_up
from ops.trace.steps import PushSteps, batch_steps
from ops.trace.story import Trace, TraceStep, in_order


def trace(current: Settings, identifier: str, *, show_personal: bool = False) -> Trace:
    """Everything that is known of a push, batch (or its job), call, case, number, workflow or task.

    A trace of what is not known has no steps. If a server is away it is of the other one, and says so. Raises
    PostgresAwayError if both are. `show_personal`: give numbers and case ids as they are.
    """
    told = _Traced()
    try:
        # Redis first: a push that moves on while we read is seen twice, and not missed.
        with in_flight.connect(current) as client:
            told.read_redis(client, identifier)
    except RedisAwayError as error:
        told.left_out.append(str(error))
    try:
        with queries.connect(current) as connection:
            told.read_postgres(connection, identifier, show_personal=show_personal)
    except PostgresAwayError as error:
        if told.left_out:
            raise
        told.left_out.append(str(error))
    steps = in_order([*told.steps, *told.steps_of_entries()])
    return Trace(list(dict.fromkeys(told.found_as)), len(told.settled | set(told.entries)), told.left_out, steps)


@dataclass
class _Traced:
    """All that was read so far."""

    found_as: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    steps: list[TraceStep] = field(default_factory=list)
    entries: dict[UUID, tuple[str, Entry]] = field(default_factory=dict)
    """The pushes in flight, by push id, each with its batch's id"""
    settled: set[UUID] = field(default_factory=set)
    """Those in Postgres"""

    def read_redis(self, client: Redis, identifier: str) -> None:
        """Read what is in flight."""
        found = Search(identifier).entries(client)
        self.entries = {entry.uuid: (batch_id, entry) for batch_id, entry in found}
        batch_ids = {batch_id for batch_id, _ in self.entries.values()}
        for batch_id in sorted({*batch_ids, str(typed_uuid(identifier))}):
            self.steps += batch_steps_in_redis(client, batch_id)
        if self.steps:
            self.found_as.append("in flight")

    def read_postgres(self, connection: Connection[queries.Row], identifier: str, *, show_personal: bool) -> None:
        """Read what is settled or pending."""
        found = look_up(connection, identifier)
        known = read_known(connection, found.pushes.values())
        self.steps += [*batch_steps(found.batches), *PushSteps(known, show_personal=show_personal).all()]
        self.settled = set(found.pushes)
        self.found_as += found.found_as
        self.left_out += [*found.left_out, *known.left_out]

    def steps_of_entries(self) -> Iterator[TraceStep]:
        """The steps of what is in Redis alone."""
        for push_id, (batch_id, entry) in self.entries.items():
            if push_id not in self.settled:
                yield from entry_steps(batch_id, entry)
