"""Facts: all that `ingest status` knows of each server. Times are UTC, ages and durations seconds."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from ingest.batch.pause import Pause
from ingest.web.refusals import Refusal
from ops.warnings import WarnedPushes


class WorkerFacts(msgspec.Struct, frozen=True):
    """One worker process that has not ended."""

    place: str
    """Host and process id, "host:pid\""""
    state: str
    """As RQ has it: idle, busy or suspended"""
    silent_seconds: float
    """Since its heart last beat"""


class ChoreFacts(msgspec.Struct, frozen=True):
    """How one of the sweeper's chores is doing."""

    name: str
    succeeded_at: datetime | None
    every: float
    """From a run without work to the next"""
    begun_at: datetime | None = None
    """When a sweeper first knew it"""


class RefusedLately(msgspec.Struct, frozen=True):
    """How many requests of a source were refused for a reason, in the last quarter of an hour."""

    reason: str
    source: str | None
    requests: int
    since: datetime


class WrongSecret(msgspec.Struct, frozen=True):
    """How often a secret that was right once came in the last quarter of an hour, and is wrong now."""

    credential: str
    """Its fingerprint"""
    requests: int
    since: datetime


class Missing(msgspec.Struct, frozen=True):
    """How many pushes of a source were acknowledged and are nowhere, in the last three days."""

    source: str
    pushes: int
    since: datetime
    """The first hour in which such pushes came"""


class RedisFacts(msgspec.Struct, frozen=True):
    """All that Redis knows; or only `error`, if it does not answer."""

    error: str | None = None
    at: datetime | None = None
    """When it told all this, by its clock"""
    cannot_store: str | None = None
    """Why it would take no push"""
    in_flight: dict[str, Any] = {}
    workers: list[WorkerFacts] = []
    web_silent_seconds: float | None = None
    """Since a web process last noted that it lives; None if none ever has"""
    chores: list[ChoreFacts] = []
    pause: Pause | None = None
    acknowledged_last_24_hours: dict[str, int] = {}
    last_push_at: dict[str, datetime] = {}
    """By source"""
    refused_lately: list[RefusedLately] = []
    refused: list[dict[str, Any]] = []
    last_refused: list[Refusal] = []
    last_refusals: list[Refusal] = []
    missing: list[Missing] = []
    wrong_secrets: list[WrongSecret] = msgspec.field(default_factory=list)
    known_credentials: list[str] = msgspec.field(default_factory=list)
    """Fingerprints of secrets that have been right at some time"""


class Settled(msgspec.Struct, frozen=True):
    """Outcomes of the pushes of a source and kind in the last quarter of an hour."""

    source: str
    kind: str
    normalised: int
    duplicate: int
    dead: int
    last_minute: int
    """How many of them were settled in the last minute"""
    lag_median: float
    """From acknowledged to settled: half of them took no longer than that, by the bounds of the log"""
    lag_most: float
    """The same of 99 in a hundred"""
    dead_since: datetime | None
    usually_dead: float
    """Their share among those that were settled before that quarter of an hour"""

    @property
    def pushes(self) -> int:
        """All that were settled."""
        return self.normalised + self.duplicate + self.dead


class PostgresFacts(msgspec.Struct, frozen=True):
    """All that Postgres knows; or only `error`, if it does not answer."""

    error: str | None = None
    cannot_store: str | None = None
    """Why it would take no push"""
    pending: int = 0
    oldest_pending_seconds: float = 0.0
    dead: int = 0
    dead_by_cause: list[dict[str, Any]] = []
    """Of the newest thousand: kind, error, path and how many"""
    settled: list[Settled] = []
    settled_at: datetime | None = None
    """When something was last settled"""
    warned_last_24_hours: WarnedPushes | None = None
    is_partition_missing: bool = False
    """Tomorrow's"""
    kept: dict[str, Any] = {}
    longest_silences: dict[str, float] = {}
    """By source, the longest at this hour of the week; of sources that are known for two weeks"""


class Facts(msgspec.Struct, frozen=True):
    """Everything, at one moment."""

    at: datetime
    """By Redis's clock, unless Redis is away"""
    redis: RedisFacts
    postgres: PostgresFacts

    def ago(self, seconds: float) -> datetime:
        """The moment that was so long before."""
        return self.at - timedelta(seconds=seconds)
