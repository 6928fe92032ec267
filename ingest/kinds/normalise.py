"""Normalise: one push in, its rows out, whatever its kind. Pure: no client, no clock, the same rows every time."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from ingest.batch.entry import Entry
from ingest.errors import NotAnObjectError, NotJsonError, UnknownKindError
from ingest.kinds import kind_of
from ingest.kinds.kind import Ids, Kind, Origin
from ingest.kinds.reading.aliases import renamed
from ingest.kinds.reading.clean import clean, may_hold_nul, may_need_cleaning
from ingest.kinds.reading.decode import decode
from ingest.kinds.reading.salvage import salvage
from ingest.kinds.reading.warn import Warnings
from ingest.tables.rows import Normalised, PushRow

NOTHING_RECOGNISED = "nothing recognised: no call, callee, case, task or workflow"


def normalise(entry: Entry, opened: bytes | None = None) -> Normalised:
    """Give the rows of a push, or a dead push that says why and where. `opened`: what its body is decrypted."""
    kind = kind_of(entry.kind)
    warnings = Warnings(kind.documented)
    body = entry.body if opened is None else opened
    try:
        push = _read(kind, body, warnings)
    except (NotJsonError, NotAnObjectError) as error:
        return dead(entry, str(error) if body is entry.body else f"decrypted, and {error}")
    ids = kind.ids(push, warnings)
    version = (entry.received_at, entry.uuid)
    origin = Origin(entry.source, version, ids, warnings, entry.body)
    rows = tuple([row for row in kind.rows(push, origin) if row])
    if kind.struct and not (rows or ids.name_something or kind.may_name_nothing(push)):
        return dead(entry, NOTHING_RECOGNISED, warnings)
    # Last, as the rows may have warned.
    came = (*version, entry.source, entry.kind, entry.body, entry.signature)
    row = PushRow(*came, "normalised", None, None, warnings.as_json(), *ids)
    return Normalised(row, rows, kind.says_when(push, ids))


def dead(entry: Entry, error: str, warnings: Warnings | None = None) -> Normalised:
    """A dead letter: the raw body, kept for a replay, and the reason."""
    row = (entry.received_at, entry.uuid, entry.source, entry.kind, entry.body, entry.signature)
    notes = warnings.as_json() if warnings else None
    return Normalised(PushRow(*row, status="dead", error=error, error_path="$", warnings=notes))


def ids_in(kind_name: str, body: bytes) -> Ids:
    """What a raw push is about, as its rows would have it; nothing where it cannot be read."""
    try:
        kind = kind_of(kind_name)
        warnings = Warnings(kind.documented)
        return kind.ids(_read(kind, body, warnings), warnings)
    except (NotJsonError, NotAnObjectError, UnknownKindError):
        return Ids()


def _read(kind: Kind[Any], body: bytes, warnings: Warnings) -> Any:
    push = decode(kind.decoder, body)
    if not isinstance(push, dict) and may_hold_nul(body):
        push = msgspec.to_builtins(push, builtin_types=(Decimal,))
    if isinstance(push, dict):
        push = clean(push, "$", warnings) if may_need_cleaning(push, body) else push
        push = renamed(push, kind.struct, kind.aliases, warnings) if kind.struct and kind.aliases else push
    return salvage(kind.struct, push, "$", warnings) if kind.struct and isinstance(push, dict) else push
