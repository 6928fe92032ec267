"""Admission: is the request a push, from where and from whom pushes may come, and is there room for it?"""

from __future__ import annotations

from collections import Counter

from starlette.types import Scope

from ingest import answers
from ingest.access import Access, presented_fingerprint
from ingest.addresses import Addresses, shown
from ingest.payloads import STRUCTS
from ingest.rate_limit import RateLimit
from ingest.refusals import RefusedError

_SEGMENTS = 4
"""How many segments at a path's end may be the secret"""


class Admission:
    """Decides before a byte of the body is read. `max_at_once`: requests that this process has in hand; where several
    sources push, one may have half of them."""

    def __init__(self, addresses: Addresses, access: Access, rate_limit: RateLimit, max_at_once: int) -> None:
        self._addresses = addresses
        self._access = access
        self._rate_limit = rate_limit
        self._max_at_once = max_at_once
        self._in_hand: Counter[str] = Counter()

    def admit(self, scope: Scope) -> tuple[str, str]:
        """The push's kind and source, until `leave`; RefusedError if it is not admitted."""
        if scope["method"] != "POST":
            raise RefusedError(answers.WRONG_METHOD, "wrong method")
        kind = scope["path_params"]["kind"]
        if kind not in STRUCTS:
            raise RefusedError(answers.UNKNOWN_KIND, "unknown kind")
        if not self._addresses.may_push(scope):
            raise RefusedError(answers.WRONG_ADDRESS, "address not allowed")
        source = self._access.source_of(scope["path_params"].get("token"), scope["headers"])
        if source is None:
            raise RefusedError(answers.WRONG_CREDENTIAL, "wrong credential")
        if not self._has_room(source):
            raise RefusedError(answers.TOO_MANY_AT_ONCE, "too many at once", source)
        if not self._rate_limit.admits(source):
            raise RefusedError(answers.OVER_RATE_LIMIT, "over the rate limit", source)
        self._in_hand[source] += 1
        return kind, source

    def leave(self, source: str) -> None:
        """A request of the source that was admitted has its answer."""
        self._in_hand[source] -= 1

    def _has_room(self, source: str) -> bool:
        if not self._access.has_several_sources:
            return self._in_hand[source] < self._max_at_once
        share = max(1, self._max_at_once // 2)
        return self._in_hand[source] < share and self._in_hand.total() < self._max_at_once

    def traces(self, scope: Scope) -> tuple[str | None, str | None]:
        """What may be written down of a refused request: its network, and its secret's fingerprint."""
        credential = presented_fingerprint(scope["path_params"].get("token"), scope["headers"])
        return self.network(scope), credential

    def traces_of_stray(self, scope: Scope) -> tuple[str | None, str | None, str | None]:
        """The same of one whose path is none of ours, behind its source. A segment of the path counts as a secret only
        if it is one."""
        for segment in (None, *scope["path"].split("/")[-_SEGMENTS:]):
            source = self._access.source_of(segment, scope["headers"])
            if source is not None:
                return source, self.network(scope), presented_fingerprint(segment, scope["headers"])
        return None, self.network(scope), presented_fingerprint(None, scope["headers"])

    def network(self, scope: Scope) -> str | None:
        """Where a request comes from, as it may be written down."""
        return shown(self._addresses.client(scope))
