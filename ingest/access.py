"""Who may push: the credential of a request in, the source it belongs to out."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable

from ingest.tokens import Token, digest_of, fingerprint

OPEN_SOURCE = "default"
"""The source of every push while no tokens are set."""

Headers = Iterable[tuple[bytes, bytes]]


class Access:
    """Compares secrets in constant time: every token is compared, by digest, whatever the others gave."""

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self.replace(tokens)

    def replace(self, tokens: tuple[Token, ...]) -> None:
        """From now on admit these; requests that were admitted before stay so."""
        self._tokens = tokens
        self.has_several_sources = len({token.source for token in tokens}) > 1

    def source_of(self, path_token: str | None, headers: Headers) -> str | None:
        """The source whose secret came in the path, as Bearer or as Basic; None if none did."""
        if not self._tokens:
            return OPEN_SOURCE
        secret = _presented(path_token, headers)
        if secret is None:
            return None
        digest = digest_of(secret)
        source = None
        for token in self._tokens:
            if hmac.compare_digest(token.digest, digest):
                source = token.source
        return source


def presented_fingerprint(path_token: str | None, headers: Headers) -> str | None:
    """What the secret that a request brought may be called in the open; None if it brought none."""
    secret = _presented(path_token, headers)
    return fingerprint(digest_of(secret)) if secret else None


def _presented(path_token: str | None, headers: Headers) -> bytes | None:
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
