"""Ids that operators type after `find` or `trace`, as they may be stored, and the key by which a push is found."""

from __future__ import annotations

import functools
import re
from datetime import datetime
from uuid import UUID

import phonenumbers

from ingest.batch.push_ids import received_at_of
from ingest.kinds.reading.identifiers import canonical_id
from ingest.kinds.reading.phone_numbers import E164, canonical_number
from ingest.kinds.reading.phone_spellings import spellings

_SEPARATED = re.compile(r"\d\W+\d")


def typed_uuid(typed: str) -> UUID | None:
    """The push or batch id that is typed; None if it is none. The vendor's ids have 32 hex digits and may read so."""
    try:
        return UUID(canonical_id(typed))
    except ValueError:
        return None


def push_key(push_id: UUID) -> dict[str, UUID | datetime | None]:
    """The parameters `push_id` and `received_at` of a statement about one push: its day's partition alone is read. An
    id that is no push's finds none."""
    return {"push_id": push_id, "received_at": received_at_of(push_id)}


def typed_numbers(typed: str) -> list[str]:
    """As the number may be stored. One that is typed as at home, without its country, may be any country's: whose it is
    being for the reader to say."""
    canonical = canonical_number(typed)
    spelt = spellings(canonical)
    found = {typed, f"+{typed.lstrip('+')}", canonical, *spelt, *(f"+{digits}" for digits in spelt)}
    # Digits without a zero in front and without anything between them are more often an id.
    is_dialled = canonical.startswith("0") or _SEPARATED.search(typed)
    if spelt and is_dialled and not E164.fullmatch(canonical):
        found |= _of_any_country(canonical)
    return sorted(found)


@functools.lru_cache(maxsize=100)
def _of_any_country(digits: str) -> frozenset[str]:
    """The numbers in E.164 that are dialled so at home, one of each country that has such a number."""
    found = set()
    for region in phonenumbers.SUPPORTED_REGIONS:
        try:
            number = phonenumbers.parse(digits, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            found.add(canonical_number(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)))
    return frozenset(found)
