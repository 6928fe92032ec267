"""A push as a search finds it, in Postgres or in flight."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from ingest.batch.entry import Entry
from ingest.errors import NotOpenedError
from ingest.kinds.kind import Ids
from ingest.kinds.normalise import ids_in
from ingest.opening.openers import openers
from ops.search.filters import IN_FLIGHT
from ops.trace.story import masked


class FoundPush(msgspec.Struct, frozen=True):
    """One push of a page. `warning_count`: how many warnings it has."""

    push_id: UUID
    received_at: datetime
    source: str
    kind: str
    status: str
    error: str | None = None
    workflow_id: str | None = None
    task_id: str | None = None
    callee_number: str | None = None
    case_id: str | None = None
    call_id: str | None = None
    warning_count: int = 0

    def masked(self) -> FoundPush:
        """The same without what tells who somebody is."""
        number, case_id = (one and masked(one) for one in (self.callee_number, self.case_id))
        return msgspec.structs.replace(self, callee_number=number, case_id=case_id)


def ids_of(entry: Entry) -> Ids:
    """The ids in a push in flight; none where it cannot be read now."""
    try:
        return ids_in(entry.kind, openers().readable(entry))
    except NotOpenedError:
        return Ids()


def found_in_flight(entry: Entry) -> FoundPush:
    """A push that is in Redis alone."""
    ids = ids_of(entry)._asdict()
    del ids["node_id"]
    return FoundPush(entry.uuid, entry.received_at, entry.source, entry.kind, IN_FLIGHT, **ids)
