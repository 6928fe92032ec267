"""Tokens: which secret may push as which source. Of a secret only its SHA-256 is kept, in memory or in a file."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import SettingError

SECRET_BYTES = 24
"""192 bits, 32 characters in a URL"""
_DIGEST = "sha256:"
_HEX_DIGEST = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True)
class Token:
    """One secret that may push, and the source its pushes belong to; only the secret's SHA-256 is kept."""

    source: str
    digest: bytes

    @property
    def fingerprint(self) -> str:
        """What the secret may be called in the open."""
        return fingerprint(self.digest)


def digest_of(secret: bytes) -> bytes:
    """What is kept of a secret. Without salt: a secret is drawn by chance, not chosen by people."""
    return hashlib.sha256(secret).digest()


def fingerprint(digest: bytes) -> str:
    """The first eight hex digits of a digest: enough to tell secrets apart, too few to try them."""
    return digest.hex()[:8]


def parse_list(variable: str, text: str) -> tuple[Token, ...]:
    """Read `source=secret,source=sha256:…`; SettingError names a bad item by its place, never by its text."""
    tokens = _parse(variable, text.split(","))
    if text.strip() and not tokens:
        raise SettingError(f"{variable} is set and holds no source=secret")
    return tokens


def read_file(path: Path) -> tuple[Token, ...]:
    """Read a file of such items, one a line, with comments after `#`; SettingError if there is none to be had."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise SettingError(f"INGEST_TOKENS_FILE={path} cannot be read: {type(error).__name__}") from None
    tokens = _parse(f"INGEST_TOKENS_FILE={path}", (line for line in lines if not line.lstrip().startswith("#")))
    if not tokens:
        raise SettingError(f"INGEST_TOKENS_FILE={path} holds no source=secret: make one with `ingest token new SOURCE`")
    return tokens


def make_secret() -> str:
    """Draw a secret that can be part of a URL."""
    return secrets.token_urlsafe(SECRET_BYTES)


def item_of(source: str, secret: str) -> str:
    """The item that admits a secret without giving it away."""
    return f"{source}={_DIGEST}{digest_of(secret.encode()).hex()}"


def append_to_file(path: Path, item: str) -> None:
    """Add an item to the file, which is made for its owner alone; SettingError if that cannot be done."""
    try:
        with os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "a+b") as file:
            file.seek(0)
            before = file.read()
            # A file that was edited by hand may lack its last line's end.
            gap = b"" if before.endswith(b"\n") or not before else b"\n"
            file.write(gap + item.encode() + b"\n")
    except OSError as error:
        raise SettingError(f"INGEST_TOKENS_FILE={path} cannot be written: {error.strerror}") from None


def _parse(where: str, items: Iterable[str]) -> tuple[Token, ...]:
    tokens = []
    for place, item in enumerate(filter(None, (part.strip() for part in items)), start=1):
        source, separator, secret = item.partition("=")
        if not (separator and source.strip() and secret):
            raise SettingError(f"{where}: item {place} is not of the form source=secret")
        if bad := re.search(r"[/\s]", secret):
            what = "a /" if bad[0] == "/" else "a space"
            raise SettingError(f"{where}: the secret of item {place} has {what} in it and cannot be part of a URL")
        tokens.append(Token(source.strip(), _digest(where, place, secret)))
    _check_owners(where, tokens)
    return tuple(tokens)


def _check_owners(where: str, tokens: list[Token]) -> None:
    owners: dict[bytes, str] = {}
    for place, token in enumerate(tokens, start=1):
        if owners.setdefault(token.digest, token.source) != token.source:
            raise SettingError(f"{where}: item {place} has the secret of another source")


def _digest(where: str, place: int, secret: str) -> bytes:
    if not secret.startswith(_DIGEST):
        return digest_of(secret.encode())
    if not _HEX_DIGEST.fullmatch(hexadecimal := secret.removeprefix(_DIGEST)):
        raise SettingError(f"{where}: what follows sha256: in item {place} is not 64 hex digits")
    return bytes.fromhex(hexadecimal)
