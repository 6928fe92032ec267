"""The replay of one push: what it would change, and its beginning."""

from __future__ import annotations

from uuid import UUID

import msgspec

from ingest.settings import Settings
from ops import queries
from ops.identifiers import push_key
from ops.repair.dry_run import dry_run
from ops.repair.dry_run_rows import DryRunRows, dry_run_rows
from ops.repair.replays import join_replay
from workers.selection import REPLAYABLE, Selection


class ReplayPreview(msgspec.Struct, frozen=True):
    """`status`: the push's. `rows`: what would change; None where it cannot be replayed."""

    status: str
    rows: DryRunRows | None


def preview_replay(current: Settings, push_id: UUID, *, show_personal: bool = False) -> ReplayPreview | None:
    """The changes that the replay of a push would bring, of which none is made; None if Postgres has no such push.

    Values that may say who somebody is are masked unless they are asked for.
    """
    with queries.connect(current) as connection:
        push = connection.execute(queries.PUSH_BY_ID, push_key(push_id)).fetchone()
    if push is None:
        return None
    if push["status"] not in REPLAYABLE:
        return ReplayPreview(push["status"], None)
    found = dry_run(current.database_url, _selection(push_id))
    return ReplayPreview(push["status"], dry_run_rows(found, show_personal=show_personal))


def begin_replay_of(current: Settings, operator: str, push_id: UUID, reason: str | None = None) -> int | None:
    """Begin the replay of a push, or join the one that is running; its id. None if it cannot be replayed now."""
    with queries.connect(current) as connection:
        return join_replay(connection, operator, _selection(push_id), reason)


def _selection(push_id: UUID) -> Selection:
    return Selection(statuses=REPLAYABLE, push_ids=(push_id,))
