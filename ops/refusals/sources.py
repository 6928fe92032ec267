"""Sources: who may push, with which secrets, when each last did, and whether its silence is unusual."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from ingest.errors import IngestError
from ingest.settings import Settings
from ops import in_flight, queries
from ops.problems.silence import is_unusual


class ListedToken(msgspec.Struct, frozen=True):
    """A secret that may push."""

    fingerprint: str
    made: str | None
    """The day, `2026-11-28`; None where nobody knows"""
    last_used: datetime | None


class Source(msgspec.Struct, frozen=True):
    """A source that may push, or has pushed."""

    name: str
    tokens: list[ListedToken]
    last_push_at: datetime | None
    silent_seconds: float | None
    """Since its last push"""
    usual_seconds: float | None
    """The longest silence at this hour of the week; None until it is known for two weeks"""

    @property
    def is_silence_unusual(self) -> bool:
        """Whether it should have sent something by now."""
        silent, usual = self.silent_seconds, self.usual_seconds
        return silent is not None and usual is not None and is_unusual(silent, usual)


class Sources(msgspec.Struct, frozen=True):
    """All of them by name. Of a server that is away there is an error, and nothing else."""

    sources: list[Source]
    is_open: bool
    """Whether anybody may push, without a secret"""
    knows_pushes: bool
    """Whether Redis says who has pushed, when and with which secret; else nothing of that is known"""
    errors: list[str]


def look(current: Settings) -> Sources:
    """The tokens are those of this process's environment, and of the file as it is now."""
    errors: list[str] = []
    knows_pushes = False
    tokens: dict[str, list[ListedToken]] = {}
    used: dict[str, datetime] = {}
    pushed: dict[str, datetime] = {}
    usual: dict[str, float] = {}
    now = datetime.now(UTC)
    try:
        with in_flight.connect(current) as client:
            used, pushed, now = in_flight.last_used(client), in_flight.last_pushes(client), in_flight.time_of(client)
        knows_pushes = True
    except IngestError as error:
        errors.append(str(error))
    try:
        with queries.connect(current) as connection:
            usual = {row["source"]: row["seconds"] for row in connection.execute(queries.SILENCES)}
    except IngestError as error:
        errors.append(str(error))
    try:
        for token in current.tokens:
            listed = ListedToken(token.fingerprint, token.made, used.get(token.fingerprint))
            tokens.setdefault(token.source, []).append(listed)
    except IngestError as error:
        errors.append(str(error))
    found = [
        _source(name, tokens.get(name, []), pushed.get(name), usual.get(name), now)
        for name in sorted(tokens.keys() | pushed.keys())
    ]
    return Sources(found, current.is_open, knows_pushes, errors)


def _source(
    name: str, tokens: list[ListedToken], pushed_at: datetime | None, usual: float | None, now: datetime
) -> Source:
    silent = max(0.0, (now - pushed_at).total_seconds()) if pushed_at else None
    return Source(name, tokens, pushed_at, silent, usual)
