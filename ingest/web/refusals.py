"""Refusals: requests that are answered and not kept. They are counted by reason and source, and the last ones noted.

Notes hold nothing personal. All is written to Redis about once a second, with the time when each secret last came.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import redis.asyncio

from ingest.batch import keys
from ingest.web.addresses import shown
from ingest.web.answers import HttpAnswer
from ingest.web.writing import Writer

WRONG_CREDENTIAL = "wrong credential"
"""The reason that admission gives for a secret of no source"""
FAULT_OF_OURS = "a fault of ours"
"""The reason where something went wrong in web that nobody foresaw; always without a source"""
MOST_WRONG_SECRETS = 10_000
"""So many different ones are in mind between two writes; more than a guesser tries in a second."""
REPORT_SECONDS = 60.0
"""How often the log has a line for each kind of refusal. An operator has to notice a wrong token within minutes."""

_log = logging.getLogger("web.refusals")


class RequestRefusedError(Exception):
    """The request is answered and not kept; it is counted by its reason, one of a few fixed phrases."""

    def __init__(self, answer: HttpAnswer, reason: str, source: str | None = None) -> None:
        self.answer = answer
        self.reason = reason
        self.source = source


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request that was refused, as it may be written down."""

    at: datetime
    reason: str
    source: str | None = None
    """The source whose credential it brought; none if it brought no right one"""
    network: str | None = None
    """The network it came from: an IPv4 address's /24, an IPv6 address's /48"""
    credential: str | None = None
    """The fingerprint of the secret it brought, as `ingest token list` shows those of the right ones"""


class WrongSecrets:
    """Counts how often each wrong secret has come, by its fingerprint. No flood makes it grow without end."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def note(self, fingerprint: str, requests: int = 1) -> None:
        """Count one, unless there are too many others."""
        if fingerprint in self._counts or len(self._counts) < MOST_WRONG_SECRETS:
            self._counts[fingerprint] += requests

    def take(self) -> Counter[str]:
        """The counts since they were last taken."""
        taken, self._counts = self._counts, Counter()
        return taken

    def put_back(self, taken: Counter[str]) -> None:
        """Take them another time, with what has come meanwhile."""
        newer, self._counts = self._counts, taken
        for fingerprint, requests in newer.items():
            self.note(fingerprint, requests)


class _TakenRefusals(NamedTuple):
    """Counts by field of `refused`; the last refusals; wrong secrets; when each right one that came last did."""

    counts: Counter[str]
    last: deque[Refusal]
    wrong: Counter[str]
    used: dict[str, float]


class Refusals(Writer[_TakenRefusals]):
    """Counts refusals here, so that a flood costs Redis one write a second, and the log a line of each kind a minute.

    `take_used` gives the fingerprints of the secrets that have come since the last write.
    """

    what = "refused requests"

    def __init__(self, client: redis.asyncio.Redis, take_used: Callable[[], list[str]] = list) -> None:
        self._client = client
        self._take_used = take_used
        self._used: dict[str, float] = {}
        self._counts: Counter[str] = Counter()
        self._wrong_secrets = WrongSecrets()
        self._last = _no_refusals()
        self._newest: dict[str, Refusal] = {}
        self._unreported: Counter[tuple[str, str | None]] = Counter()
        self._report_at = time.monotonic()
        self._waits_for_redis = False

    def note(
        self, reason: str, source: str | None = None, network: str | None = None, credential: str | None = None
    ) -> None:
        """Note one refused request, with what is known of it; `Refusal` says what these are."""
        field = keys.refused_field(reason, source)
        self._counts[field] += 1
        self._unreported[reason, source] += 1
        if reason == WRONG_CREDENTIAL and credential:
            self._wrong_secrets.note(credential)
        refusal = Refusal(datetime.now(UTC), reason, source, network, credential)
        self._last.append(refusal)
        self._newest[field] = refusal

    def note_peer(self, reason: str, peer: str | None) -> None:
        """Note a connection that was refused, by its peer's address."""
        self.note(reason, network=shown(peer))

    def _take(self) -> _TakenRefusals | None:
        self._report()
        self._used |= dict.fromkeys(self._take_used(), time.time())
        if not (self._counts or self._used):
            return None
        taken = _TakenRefusals(self._counts, self._last, self._wrong_secrets.take(), self._used)
        self._counts, self._last, self._used = Counter(), _no_refusals(), {}
        return taken

    def _put_back(self, taken: _TakenRefusals) -> None:
        self._counts.update(taken.counts)
        self._last = deque([*taken.last, *self._last], maxlen=keys.LAST_REFUSALS_KEPT)
        self._wrong_secrets.put_back(taken.wrong)
        self._used = taken.used | self._used

    def _note_absence(self, error: Exception) -> None:
        if not self._waits_for_redis:
            _log.warning("counts of requests wait for Redis (%s)", type(error).__name__)
        self._waits_for_redis = True

    async def _known(self, wrong: Counter[str]) -> dict[str, int]:
        """Those that were right once: their number is bounded, whatever strangers try."""
        if not wrong:
            return {}
        known: list[Any] = await self._client.hkeys(keys.LAST_USED)
        return {name: wrong[name] for one in known if (name := one.decode()) in wrong}

    async def _write(self, taken: _TakenRefusals) -> None:
        counts, last, wrong = taken.counts, taken.last, await self._known(taken.wrong)
        # Not taken from `last`: a flood of one kind between two writes would leave nothing else there.
        newest = {field: msgspec.json.encode(self._newest[field]).decode() for field in counts}
        now = int(time.time() // 60)
        minute, wrong_secrets = keys.refused_in(now), keys.wrong_secrets_in(now)
        async with self._client.pipeline(transaction=True) as pipeline:
            for field, number in counts.items():
                pipeline.hincrby(keys.REFUSED, field, number)
                pipeline.hincrby(minute, field, number)
            if counts:
                pipeline.expire(minute, keys.REFUSED_MINUTE_TTL_SECONDS)
            for fingerprint, number in wrong.items():
                pipeline.hincrby(wrong_secrets, fingerprint, number)
            if wrong:
                pipeline.expire(wrong_secrets, keys.REFUSED_MINUTE_TTL_SECONDS)
            for field, refusal in newest.items():
                pipeline.hset(keys.LAST_REFUSED, field, refusal)
            if last:
                pipeline.lpush(keys.LAST_REFUSALS, *map(msgspec.json.encode, last))
                pipeline.ltrim(keys.LAST_REFUSALS, 0, keys.LAST_REFUSALS_KEPT - 1)
                pipeline.expire(keys.LAST_REFUSALS, keys.LAST_REFUSALS_TTL_SECONDS)
            for fingerprint, at in taken.used.items():
                pipeline.hset(keys.LAST_USED, fingerprint, at)
            await pipeline.execute()
        self._waits_for_redis = False

    def _report(self) -> None:
        if self._unreported and time.monotonic() >= self._report_at:
            for (reason, source), requests in sorted(self._unreported.items(), key=str):
                told = {"reason": reason, "source": source, "requests": requests}
                words = f"{reason} ({source})" if source else reason
                _log.warning("refused and not kept: %s %d; see `ingest status`", words, requests, extra=told)
            self._unreported.clear()
            self._report_at = time.monotonic() + REPORT_SECONDS


def _no_refusals() -> deque[Refusal]:
    return deque(maxlen=keys.LAST_REFUSALS_KEPT)
