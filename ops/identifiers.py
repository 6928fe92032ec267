"""Ids that operators type after `find` or `trace`, as they may be stored."""

from __future__ import annotations

from uuid import UUID

from ingest.kinds.reading.identifiers import canonical_id
from ingest.kinds.reading.phone_numbers import canonical_number, spellings


def typed_uuid(typed: str) -> UUID | None:
    """The push or batch id that is typed; None if it is none. The vendor's ids have 32 hex digits and may read so."""
    try:
        return UUID(canonical_id(typed))
    except ValueError:
        return None


def typed_numbers(typed: str) -> list[str]:
    """As the number may be stored: what is typed without its country too, whose it is being for the reader to say."""
    canonical = canonical_number(typed)
    spelt = spellings(canonical)
    return sorted({typed, f"+{typed.lstrip('+')}", canonical, *spelt, *(f"+{digits}" for digits in spelt)})
