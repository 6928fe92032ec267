"""Causes of dead letters, as people are shown them: groups, each with the shape of its newest push."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import Connection

from ingest.batch.entry import Entry
from ingest.errors import NotOpenedError
from ingest.opening.openers import openers
from ops import queries
from ops.repair.groups import DeadGroup, DeadPush, newest_of, sample_of
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


class DeadGroupShown(msgspec.Struct, frozen=True):
    """One group, and some of its newest pushes."""

    cause: DeadCause
    newest: list[DeadPush]


def causes_of(connection: _Connection, groups: Iterable[DeadGroup]) -> list[DeadCause]:
    """Each group as people are shown it."""
    return [_cause(connection, group) for group in groups]


def show_group(connection: _Connection, group: DeadGroup, selection: Selection, most: int) -> DeadGroupShown:
    """A group of the dead letters that are meant, with at most so many of its newest pushes."""
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
