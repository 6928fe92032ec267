"""Tokens: which secret may push as which source. Of a secret only its SHA-256 is kept, in memory or in a file."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ingest.errors import SettingError
from ingest.secret_files import alone_at, append_line

FILE = "INGEST_TOKENS_FILE"
SECRET_BYTES = 24
"""192 bits, 32 characters in a URL"""
LONGEST_SOURCE = 100
"""Characters; a source is a part of most keys."""
_DIGEST = "sha256:"
_HEX_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
TYPOGRAPHIC_QUOTES = "\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u201b\u00ab\u00bb\u2039\u203a"
"""Quotes as word processors and chats change them"""
_QUOTES = f"\"'`{TYPOGRAPHIC_QUOTES}"
_ODD = re.compile(rf"[\s,=#/\\{_QUOTES}]")
_MADE = re.compile(r"#\s*made (\d{4}-\d\d-\d\d)\s*")
_LEAVE_OUT = "files of environment variables keep quotes as they are: leave them out"


@dataclass(frozen=True)
class Token:
    """One secret that may push, and the source its pushes belong to; only the secret's SHA-256 is kept."""

    source: str
    digest: bytes
    made: str | None = field(default=None, compare=False)
    """The day, `2026-11-28`; None where its file does not say"""

    @property
    def fingerprint(self) -> str:
        """A name for the secret that may be shown."""
        return fingerprint(self.digest)


def digest_of(secret: bytes) -> bytes:
    """The SHA-256 of a secret, which is kept in its place. Without salt: secrets are random, not chosen by people."""
    return hashlib.sha256(secret).digest()


def fingerprint(digest: bytes) -> str:
    """The first eight hex digits of a digest: enough to tell secrets apart, too few to try them."""
    return digest.hex()[:8]


def parse_list(variable: str, text: str) -> tuple[Token, ...]:
    """Read `source=secret,source=sha256:…`; SettingError names a bad item by its place, never by its text."""
    items = [item for item in text.split(",") if item.strip()]
    if torn := next((place for place, item in enumerate(items, start=1) if ";" in item), None):
        raise SettingError(f"{variable}: item {torn} has a ; in it: commas divide items")
    tokens = _parse(variable, ((item, None) for item in items))
    if text.strip() and not tokens:
        raise SettingError(f"{variable} is set and holds no source=secret")
    return tokens


def read_file(path: Path) -> tuple[Token, ...]:
    """Read a file of such items, one a line. Lines that begin with `#` are comments.

    The comment `# made 2026-11-28` is about the next line. SettingError if there is no item in the file.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise SettingError(f"{FILE}={path} cannot be read: {type(error).__name__}") from None
    tokens = _parse(f"{FILE}={path}", _dated(lines))
    if not tokens:
        raise SettingError(f"{FILE}={path} holds no source=secret: make one with `ingest token new SOURCE`")
    return tokens


def make_secret() -> str:
    """Draw a secret that can be part of a URL."""
    return secrets.token_urlsafe(SECRET_BYTES)


def item_of(source: str, secret: str) -> str:
    """The item that admits a secret without giving it away."""
    return f"{source}={_DIGEST}{digest_of(secret.encode()).hex()}"


def is_source(name: str) -> bool:
    """Whether a source may be called so: one printable word without what divides items, and without quotes."""
    return bool(name) and name.isprintable() and not _ODD.search(name) and len(name) <= LONGEST_SOURCE


def check_owners(where: str, tokens: Iterable[Token], others: Iterable[Token] = ()) -> None:
    """Refuse one secret of two sources, among tokens or with others: SettingError names where and its place there."""
    owners = {token.digest: token.source for token in others}
    for place, token in enumerate(tokens, start=1):
        if owners.setdefault(token.digest, token.source) != token.source:
            raise SettingError(f"{where}: item {place} has the secret of another source")


def append_to_file(path: Path, item: str, made: str) -> None:
    """Add an item that was made on a day to the file, which is made for its owner alone; SettingError if that cannot be
    done."""
    with alone_at(FILE, path):
        append_line(path, f"# made {made}\n{item}")


def remove_from_file(path: Path, wanted: str) -> list[Token]:
    """Take every item with a fingerprint out of the file; which ones these were. SettingError if that cannot be done,
    or if none would be left: web does not take an empty file for its word."""
    with alone_at(FILE, path):
        before = read_file(path)
        removed = [token for token in before if token.fingerprint == wanted]
        if len(removed) == len(before):
            raise SettingError(
                f"{FILE}={path} would be empty, and web goes on with what it has then: "
                "make another one first, with `ingest token new SOURCE`"
            )
        if removed:
            _replace(path, _without(path.read_text(encoding="utf-8-sig").splitlines(), wanted))
        return removed


def _without(lines: list[str], wanted: str) -> list[str]:
    """The lines but for those of a fingerprint, and for what says when they were made."""
    kept: list[str] = []
    for line in lines:
        if any(token.fingerprint == wanted for token in _parse("", _dated([line]))):
            if kept and _MADE.fullmatch(kept[-1].strip()):
                kept.pop()
        else:
            kept.append(line)
    return kept


def _replace(path: Path, lines: list[str]) -> None:
    # Beside what a link leads to: a rename does not cross file systems, and would take the link's place.
    target = path.resolve()
    unfinished = target.with_name(f"{target.name}.unfinished")
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.writelines(f"{line}\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(target, unfinished)
        _give_to_owner_of(target, unfinished)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _give_to_owner_of(target: Path, unfinished: Path) -> None:
    # Web, which may be that user or of that group, could not read it otherwise.
    try:
        shutil.chown(unfinished, target.stat().st_uid, target.stat().st_gid)
    except PermissionError:
        raise SettingError(
            f"{FILE}={target} belongs to another user or group, to whom a new one cannot be given: "
            "run this as that user, or as root"
        ) from None


def _dated(lines: Iterable[str]) -> Iterator[tuple[str, str | None]]:
    """The items of a file, each with the day that the comment before it says."""
    made = None
    for line in filter(None, (line.strip() for line in lines)):
        if line.startswith("#"):
            said = _MADE.fullmatch(line)
            made = said[1] if said else None
        else:
            yield line, made
            made = None


def _parse(where: str, items: Iterable[tuple[str, str | None]]) -> tuple[Token, ...]:
    stripped = ((item.strip(), made) for item, made in items)
    present = ((item, made) for item, made in stripped if item)
    tokens = tuple(_token(where, place, item, made) for place, (item, made) in enumerate(present, start=1))
    check_owners(where, tokens)
    return tokens


def _token(where: str, place: int, item: str, made: str | None) -> Token:
    source, separator, secret = item.partition("=")
    source = source.strip()
    if not (separator and source and secret):
        raise SettingError(f"{where}: item {place} is not of the form source=secret")
    if source[0] in _QUOTES or secret[0] in _QUOTES or secret[-1] in _QUOTES:
        raise SettingError(f"{where}: item {place} begins or ends with quotes, or its secret does; {_LEAVE_OUT}")
    if not is_source(source):
        raise SettingError(
            f"{where}: the source of item {place} is not one printable word of {LONGEST_SOURCE} characters at most, "
            "without / # \\ and quotes"
        )
    if bad := re.search(r"[/\s]", secret):
        what = "a /" if bad[0] == "/" else "a space"
        raise SettingError(f"{where}: the secret of item {place} has {what} in it and cannot be part of a URL")
    return Token(source, _digest(where, place, secret), made)


def _digest(where: str, place: int, secret: str) -> bytes:
    if not secret.startswith(_DIGEST):
        return digest_of(secret.encode())
    if not _HEX_DIGEST.fullmatch(hexadecimal := secret.removeprefix(_DIGEST)):
        raise SettingError(f"{where}: what follows sha256: in item {place} is not 64 hex digits")
    return bytes.fromhex(hexadecimal)
