"""Refused requests: by reason and source in a span, and the last requests one by one."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime

import msgspec
from redis import Redis

from ingest.batch import keys
from ingest.errors import IngestError
from ingest.settings import Settings
from ingest.web.refusals import Refusal
from ops import in_flight, queries
from ops.history.series import Lines, series
from ops.history.slots import SPANS, Slots, read_slots

WRONG_SECRETS_MINUTES = keys.REFUSED_MINUTE_TTL_SECONDS // 60


class RefusedTotal(msgspec.Struct, frozen=True):
    """How many requests of a source were refused for a reason."""

    reason: str
    source: str | None
    requests: int
    last_at: datetime
    """When the last slot with one began"""


class WrongSecretTotal(msgspec.Struct, frozen=True):
    """How often a secret that was right once has come in the last two hours, and is wrong now."""

    credential: str
    """Its fingerprint"""
    requests: int
    last_at: datetime
    """The minute"""


class Refused(msgspec.Struct, frozen=True):
    """All of it. Of a server that is away there is an error, and nothing else."""

    slots: Slots | None = None
    by_reason: Lines = {}
    totals: list[RefusedTotal] = []
    """The most frequent first"""
    last: list[Refusal] | None = None
    """The last hundred, the newest first; None where nobody can tell"""
    wrong_secrets: list[WrongSecretTotal] = []
    errors: list[str] = []


def look(current: Settings, span: str) -> Refused:
    """`span`: one of SPANS."""
    errors: list[str] = []
    slots, last, wrong = None, None, list[WrongSecretTotal]()
    try:
        with queries.connect(current) as connection:
            slots = read_slots(connection, SPANS[span])
    except IngestError as error:
        errors.append(str(error))
    try:
        with in_flight.connect(current) as client:
            last, wrong = in_flight.last_refusals(client), _wrong_secrets(client)
    except IngestError as error:
        errors.append(str(error))
    by_reason = series(slots).refusals if slots else {}
    return Refused(slots, by_reason, _totals(slots) if slots else [], last, wrong, errors)


def _totals(slots: Slots) -> list[RefusedTotal]:
    requests: dict[str, int] = defaultdict(int)
    last: dict[str, datetime] = {}
    for begin, tally in zip(slots.begins, slots.tallies, strict=True):
        for field, number in tally.refused.items() if tally else ():
            requests[field] += number
            last[field] = datetime.fromtimestamp(begin, UTC)
    found = []
    for field, number in requests.items():
        reason, _, source = field.partition("\t")
        found.append(RefusedTotal(reason, source or None, number, last[field]))
    return sorted(found, key=lambda one: (-one.requests, one.reason, one.source or ""))


def _wrong_secrets(client: Redis) -> list[WrongSecretTotal]:
    requests: dict[str, int] = defaultdict(int)
    last: dict[str, datetime] = {}
    for minute, credential, number in in_flight.wrong_secrets_by_minute(client, WRONG_SECRETS_MINUTES):
        requests[credential] += number
        last[credential] = datetime.fromtimestamp(minute * 60, UTC)
    return [
        WrongSecretTotal(one, number, last[one]) for one, number in sorted(requests.items(), key=lambda two: -two[1])
    ]
