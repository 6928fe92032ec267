"""Admission: is the request a push, from where and from whom pushes may come, and is there room for it?"""

from __future__ import annotations

from starlette.types import Scope

from ingest.kinds import KINDS
from ingest.web import answers
from ingest.web.access import Access, presented_fingerprint
from ingest.web.addresses import Addresses, shown
from ingest.web.rate_limit import RateLimit
from ingest.web.refusals import RequestRefusedError

_SEGMENTS = 4
"""How many segments at the end of a mistyped path are tried as the secret"""

WITH_BODY = ("PUT", "PATCH")
"""Methods by which a sender that was set up wrongly may bring a push"""


class Admission:
    """Decides before a byte of the body is read, and again as its bytes come.

    `max_at_once`, `max_bytes`: how many requests, and bytes of their bodies, this process has in hand at most. One of
    several sources may take half of each.
    """

    def __init__(
        self, addresses: Addresses, access: Access, rate_limit: RateLimit, max_at_once: int, max_bytes: int
    ) -> None:
        self._addresses = addresses
        self._access = access
        self._rate_limit = rate_limit
        self._requests = _Room(max_at_once, access)
        self._bytes = _Room(max_bytes, access)

    def admit(self, scope: Scope) -> Admitted:
        """Take the request in hand, until `leave`; RequestRefusedError if it is not admitted."""
        if scope["method"] != "POST":
            raise RequestRefusedError(answers.WRONG_METHOD, "wrong method", self._source_of_other_method(scope))
        kind = scope["path_params"]["kind"]
        if kind not in KINDS:
            raise RequestRefusedError(answers.UNKNOWN_KIND, "unknown kind")
        source = self._source_of(scope)
        if not self._addresses.may_push(scope):
            # The answer is the same whatever the secret is. With a right one it may be a push from a new address.
            raise RequestRefusedError(answers.WRONG_ADDRESS, "address not allowed", self._if_known(source))
        if source is None:
            raise RequestRefusedError(answers.WRONG_CREDENTIAL, "wrong credential")
        if not self._requests.has(source, 1):
            raise RequestRefusedError(answers.TOO_MANY_AT_ONCE, "too many at once", source)
        if not self._rate_limit.admits(source):
            raise RequestRefusedError(answers.OVER_RATE_LIMIT, "over the rate limit", source)
        self._requests.take(source, 1)
        return Admitted(kind, source, self._requests, self._bytes)

    def _source_of(self, scope: Scope) -> str | None:
        return self._access.source_of(scope["path_params"].get("token"), scope["headers"])

    def _source_of_other_method(self, scope: Scope) -> str | None:
        """The source whose push it may be; None where it brings nothing, as from a browser or a check of the line."""
        return self._if_known(self._source_of(scope)) if scope["method"] in WITH_BODY else None

    def _if_known(self, source: str | None) -> str | None:
        """The source, if a secret tells it: where none is asked for a stranger is of the same."""
        return None if self._access.is_open else source

    def traces(self, scope: Scope) -> tuple[str | None, str | None]:
        """The network of a refused request and its secret's fingerprint, which may be written down."""
        credential = presented_fingerprint(scope["path_params"].get("token"), scope["headers"])
        return self.network(scope), credential

    def traces_of_stray(self, scope: Scope) -> tuple[str | None, str | None, str | None]:
        """Source, network and fingerprint of a request to no path of ours.

        A segment of the path is taken for a secret only if it is one, or stands in a secret's place.
        """
        for segment in (None, *scope["path"].split("/")[-_SEGMENTS:]):
            source = self._if_known(self._access.source_of(segment, scope["headers"]))
            if source is not None:
                return source, self.network(scope), presented_fingerprint(segment, scope["headers"])
        placed = scope.get("path_params", {}).get("token")
        return None, self.network(scope), presented_fingerprint(placed, scope["headers"])

    def network(self, scope: Scope) -> str | None:
        """The network that a request comes from, which may be written down."""
        return shown(self._addresses.client(scope))


class Admitted:
    """A request in hand: its kind and source, and how many bytes of its body are in hand."""

    __slots__ = ("_bytes", "_held", "_requests", "kind", "source")

    def __init__(self, kind: str, source: str, requests: _Room, bytes_: _Room) -> None:
        self.kind = kind
        self.source = source
        self._requests = requests
        self._bytes = bytes_
        self._held = 0

    def hold(self, size: int) -> None:
        """Set how many bytes are in hand, more or less than before; RequestRefusedError if there is no room."""
        more = size - self._held
        if more > 0 and not self._bytes.has(self.source, more):
            raise RequestRefusedError(answers.TOO_MUCH_AT_ONCE, "too many bytes at once")
        if more:
            self._bytes.take(self.source, more)
            self._held = size

    def hold_at_least(self, size: int) -> None:
        """The same, but never fewer than before, as more may have been announced."""
        if size > self._held:
            self.hold(size)

    def leave(self) -> None:
        """The request has its answer."""
        self._bytes.take(self.source, -self._held)
        self._requests.take(self.source, -1)


class _Room:
    """Room for so much of something: all of it for a single source, and half of it for each of several."""

    def __init__(self, size: int, access: Access) -> None:
        self._size = size
        self._access = access
        self._taken = 0
        self._taken_by: dict[str, int] = {}

    def has(self, source: str, more: int) -> bool:
        """Whether there is room for so much more of a source."""
        if self._taken + more > self._size:
            return False
        share = max(1, self._size // 2) if self._access.has_several_sources else self._size
        return self._taken_by.get(source, 0) + more <= share

    def take(self, source: str, more: int) -> None:
        """Take so much more; a negative number gives it back."""
        self._taken += more
        self._taken_by[source] = self._taken_by.get(source, 0) + more
