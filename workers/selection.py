"""Selection: which pushes an operator means, as conditions on `pushes`; kept as JSON with the action. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import msgspec

from ingest.batch.push_ids import received_at_of

REPLAYABLE = ("dead", "discarded", "normalised")
"""Statuses. A pending push is on its way already, a duplicate tells the same as its first delivery, and nothing is left
of an erased one."""

ALIKE: LiteralString = "regexp_replace({error}, '(?<!UTF-)[0-9]+', '#', 'g')"
"""SQL of an error without the numbers in it, such as the byte at which a body stops being JSON."""

_CONDITIONS = {
    "push_ids": "received_at = ANY (%(times)s) AND push_id = ANY (%(push_ids)s)",
    "source": "source = %(source)s",
    "kind": "kind = %(kind)s",
    "since": "received_at >= %(since)s",
    "until": "received_at < %(until)s",
    "error": f"{ALIKE.format(error='error')} = %(error)s",
}
_BY_INDEX = ("push_ids", "since", "until")


class Selection(msgspec.Struct, frozen=True, omit_defaults=True):
    """All conditions hold of a push that is meant; None is no condition.

    `error`: with `#` for each number in it. `limit`: so many of them, the oldest.
    """

    statuses: tuple[str, ...]
    push_ids: tuple[UUID, ...] | None = None
    source: str | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    error: str | None = None
    limit: int | None = None

    def where(self) -> str:
        """SQL; its parameters are those of `parameters`. A status alone is a constant, as its index asks for."""
        assert set(self.statuses) <= set(REPLAYABLE), self.statuses
        statuses = ", ".join(f"'{status}'" for status in self.statuses)
        is_one = len(self.statuses) == 1
        conditions = [f"status = {statuses}" if is_one else f"status IN ({statuses})"]
        conditions += [sql for name, sql in _CONDITIONS.items() if getattr(self, name) is not None]
        return " AND ".join(conditions)

    def reach(self) -> str:
        """SQL of those conditions alone by which an index finds pushes in the order of their keys. All others are
        looked at one by one."""
        conditions = [_CONDITIONS[name] for name in _BY_INDEX if getattr(self, name) is not None]
        conditions += ["status = 'dead'"] if self.statuses == ("dead",) else []
        return " AND ".join(conditions) or "true"

    def parameters(self) -> dict[str, Any]:
        """Of `where`. An id that is no push's leads to nothing."""
        push_ids = list(self.push_ids or ())
        times = [moment for push_id in push_ids if (moment := received_at_of(push_id))]
        return {**msgspec.structs.asdict(self), "push_ids": push_ids, "times": times}

    def as_json(self) -> dict[str, Any]:
        """As `actions.filter` has it."""
        values: dict[str, Any] = msgspec.to_builtins(self)
        return values


def read_selection(values: Any) -> Selection:
    """The selection that `as_json` was made of."""
    return msgspec.convert(values, Selection)
