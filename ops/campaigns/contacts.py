"""A person's contacts over all channels, a page at a time, the newest first."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import msgspec

from ingest.settings import Settings
from ops import queries
from ops.campaigns import statements
from ops.campaigns.figures import letter_of
from ops.identifiers import typed_numbers
from ops.queries import Row
from ops.repair.masking import mask_value
from ops.trace.story import masked

MOST = 100
"""Contacts of a page"""
MOST_LOOKED_AT = 5_000
"""Of one number; of a number with more it is chance which are shown"""
MOST_CALLEES = 20
_OF_CALLS = ("call", "completed call")
_OF_VENDOR = ("completed call", "dialler")
"""Channels whose outcome is a state, in a word of the vendor's; that of others is an intention"""
_WORD = re.compile(r"[A-Za-z]{1,20}")


class KnownCallee(msgspec.Struct, frozen=True):
    """A person as a source knows them. Number and name are masked unless they were asked for."""

    source: str
    callee_number: str
    country: str | None
    name: str | None


class Contact(msgspec.Struct, frozen=True):
    """One contact, as the view `contacts` has it. `is_call`: `contact_id` is the id of one in `calls`."""

    at: datetime
    channel: str
    source: str
    contact_id: str | None
    is_call: bool
    workflow_id: str | None
    workflow_name: str | None
    task_id: str | None
    outcome: str | None


class Contacts(msgspec.Struct, frozen=True):
    """A page of a person's contacts. `total`: how many there are, MOST_LOOKED_AT at most."""

    callees: list[KnownCallee]
    contacts: list[Contact]
    total: int
    next_start: int | None
    """How many come before the next page; None at the end"""


def contacts_of(settings: Settings, number: str, start: int = 0, *, unmasked: bool = False) -> Contacts:
    """The contacts with a number, however it is typed, behind so many newer ones."""
    where: dict[str, Any] = {"numbers": typed_numbers(number), "most": MOST, "looked": MOST_LOOKED_AT, "start": start}
    with queries.connect(settings) as connection:
        callees = connection.execute(statements.PERSON, {**where, "most": MOST_CALLEES}).fetchall()
        rows = connection.execute(statements.CONTACTS, where).fetchall()
    total = rows[0]["contacts"] if rows else 0
    behind = start + len(rows)
    return Contacts(
        [_callee(row, unmasked) for row in callees],
        [_contact(row, unmasked) for row in rows],
        total,
        behind if rows and behind < total else None,
    )


def _callee(row: Row, unmasked: bool) -> KnownCallee:
    if unmasked:
        return KnownCallee(**row)
    name = row["name"]
    return KnownCallee(row["source"], masked(row["callee_number"]), row["country"], name and mask_value(name))


def _contact(row: Row, unmasked: bool) -> Contact:
    outcome = row["outcome"]
    if not (unmasked or _tells_of_nobody(row["channel"], outcome)):
        outcome = mask_value(outcome)
    return Contact(
        row["at"],
        row["channel"],
        row["source"],
        row["contact_id"],
        row["channel"] in _OF_CALLS and row["contact_id"] is not None,
        row["workflow_id"],
        row["workflow_name"],
        row["task_id"],
        outcome,
    )


def _tells_of_nobody(channel: str, outcome: str | None) -> bool:
    """Whether an outcome is a letter, or a state in one word: any other text may tell of the person."""
    is_state = channel in _OF_VENDOR and outcome is not None and _WORD.fullmatch(outcome) is not None
    return is_state or letter_of(outcome) == outcome
