"""Access: from the credential of a request to the source whose pushes it may send."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable

from ingest.tokens import Token, digest_of, fingerprint

OPEN_SOURCE = "default"
"""The source of every push while no tokens are set."""

RequestHeaders = Iterable[tuple[bytes, bytes]]


class Access:
    """Looks a secret up by its SHA-256, so that a thousand sources cost as much as one.

    The time of a look-up may reveal how far a digest is right. That helps nobody: a secret cannot be chosen by its
    digest, and where the table keeps a digest depends on a key of this process. The digest that is found is compared in
    constant time all the same.
    """

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self._used: set[bytes] = set()
        self.replace(tokens)

    def replace(self, tokens: tuple[Token, ...]) -> None:
        """Admit these tokens from now on. Requests that were admitted before are not looked at again."""
        self._by_digest = {token.digest: token for token in tokens}
        self.is_open = not tokens
        self.has_several_sources = len({token.source for token in tokens}) > 1

    def source_of(self, path_token: str | None, headers: RequestHeaders) -> str | None:
        """The source whose secret came in the path, as Bearer or as Basic; None if none did."""
        if self.is_open:
            return OPEN_SOURCE
        secret = _presented(path_token, headers)
        if secret is None:
            return None
        digest = digest_of(secret)
        token = self._by_digest.get(digest)
        if token is None or not hmac.compare_digest(token.digest, digest):
            return None
        self._used.add(token.digest)
        return token.source

    def take_used(self) -> list[str]:
        """The fingerprints of the secrets that have come since this was last asked."""
        used, self._used = self._used, set()
        return [fingerprint(digest) for digest in used]


def presented_fingerprint(path_token: str | None, headers: RequestHeaders) -> str | None:
    """The fingerprint of the secret that a request brought, which may be shown; None if it brought none."""
    secret = _presented(path_token, headers)
    return fingerprint(digest_of(secret)) if secret else None


def _presented(path_token: str | None, headers: RequestHeaders) -> bytes | None:
    if path_token is not None:
        return path_token.encode("utf-8", "surrogatepass")
    for name, value in headers:
        if name == b"authorization":
            return _secret_of(value)
    return None


def _secret_of(authorization: bytes) -> bytes:
    """The secret in an Authorization header: Bearer's token, or Basic's password (its user name is free)."""
    scheme, _, value = authorization.strip().partition(b" ")
    if scheme.lower() == b"bearer":
        return value.strip()
    if scheme.lower() == b"basic":
        try:
            return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
        except binascii.Error:
            return b""
    return b""
