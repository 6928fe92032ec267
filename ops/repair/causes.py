"""Causes of dead letters, as people are shown them: groups, each with the shape of its newest push."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import Connection

from ingest.batch.entry import Entry
from ingest.errors import NotOpenedError
from ingest.opening.openers import openers
from ops import queries
from ops.repair.groups import DeadGroup, DeadPush, dead_groups, newest_of, sample_of
from ops.repair.masking import mask_body
from workers.selection import Selection

_Connection = Connection[queries.Row]


class DeadCause(msgspec.Struct, frozen=True):
    """A group of dead letters. `sample`: its newest push, None where it was replayed or discarded meanwhile; `shape`:
    that push's body, as JSON's values without what they say."""

    fingerprint: str
    kind: str
    error: str
    path: str
    pushes: int
    sources: list[str]
    first_seen: datetime
    last_seen: datetime
    sample: UUID | None
    shape: Any


class DeadCauses(msgspec.Struct, frozen=True):
    """Dead letters by cause, the largest group first. `pushes` and `groups`: how many there are; `shown` may be
    fewer."""

    pushes: int
    groups: int
    shown: list[DeadCause]


class DeadGroupShown(msgspec.Struct, frozen=True):
    """One group, and some of its newest pushes."""

    cause: DeadCause
    newest: list[DeadPush]


def dead_causes(connection: _Connection, selection: Selection, most: int | None = None, skip: int = 0) -> DeadCauses:
    """The causes of the dead letters that are meant; of `most` groups behind the first ones, or of all, what they look
    like."""
    groups = dead_groups(connection, selection)
    shown = [_cause(connection, group) for group in groups[skip:][:most]]
    return DeadCauses(pushes=sum(group.pushes for group in groups), groups=len(groups), shown=shown)


def dead_group(connection: _Connection, selection: Selection, fingerprint: str, most: int) -> DeadGroupShown | None:
    """The group of this fingerprint among the dead letters that are meant, with at most so many of its pushes."""
    groups = dead_groups(connection, selection)
    group = next((one for one in groups if one.fingerprint == fingerprint), None)
    if group is None:
        return None
    return DeadGroupShown(_cause(connection, group), newest_of(connection, group, selection, most))


def _cause(connection: _Connection, group: DeadGroup) -> DeadCause:
    sample = sample_of(connection, group)
    return DeadCause(
        fingerprint=group.fingerprint,
        **vars(group),
        sample=sample.uuid if sample else None,
        shape=_shape(sample) if sample else None,
    )


def _shape(entry: Entry) -> Any:
    try:
        return mask_body(entry.kind, openers().readable(entry))
    except NotOpenedError as error:
        return f"{len(entry.body)} bytes: {error}"
