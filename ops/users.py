"""The users of the console: those of a file, and one of the environment."""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ingest.errors import SettingError
from ingest.secret_files import alone_at, append_line
from ingest.settings import Settings, login_digest

FILE = "INGEST_CONSOLE_USERS_FILE"
_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_hasher = PasswordHasher()


class Role(StrEnum):
    """How much a user may do."""

    VIEWER = "viewer"
    """Sees counts and states; what is about a person is masked"""
    OPERATOR = "operator"
    """May show what is masked, which is recorded, and act"""


class User(msgspec.Struct, frozen=True):
    """One user. `password_hash` is argon2's, or None where another secret is compared."""

    name: str
    role: Role
    password_hash: str | None = None


class Users:
    """The users that the settings name. The file is read again whenever it has changed."""

    def __init__(self, current: Settings) -> None:
        """Raises SettingError if the file cannot be read."""
        self._login = current.dashboard_login
        self._file = current.console_users_file
        self._read_of: tuple[int, int] | None = None
        self._of_file: dict[str, User] = {}
        # Compared with where a name is unknown, so that nobody can time which names are known.
        self._nobodys_hash = _hasher.hash(os.urandom(16).hex())
        self._reread()

    @property
    def are_there(self) -> bool:
        """Whether anybody can log in."""
        return bool(self._login or self._file)

    def find(self, name: str) -> User | None:
        """The user of the file who has this name now."""
        self._reread()
        return self._of_file.get(name)

    def check(self, name: str, password: str) -> User | None:
        """The user with this name and password. It takes some 50 ms and 64 MiB, whether or not the name is known."""
        user = self.find(name)
        known = user.password_hash if user and user.password_hash else self._nobodys_hash
        is_right = False
        with suppress(VerificationError, InvalidHashError):
            is_right = _hasher.verify(known, password)
        if user:
            return user if is_right else None
        return User(name, Role.OPERATOR) if self._is_of_environment(name, password) else None

    def is_still(self, user: User) -> bool:
        """Whether a user who has logged in may go on: not with another role or password than then."""
        if user.password_hash is None:
            return True
        return self.find(user.name) == user

    def _is_of_environment(self, name: str, password: str) -> bool:
        given = login_digest(name, password)
        return hmac.compare_digest(given, self._login or bytes(len(given))) and self._login is not None

    def _reread(self) -> None:
        if self._file is None:
            return
        with _readable(self._file):
            now = os.stat(self._file)
        changed = (now.st_mtime_ns, now.st_ino)
        if changed != self._read_of:
            self._of_file, self._read_of = read_file(self._file), changed


def line_of(name: str, role: Role, password: str) -> str:
    """A line of the file for a user. ValueError if the name cannot be one, or there is no password."""
    if not _NAME.fullmatch(name):
        raise ValueError("a user's name has up to 64 letters, digits and . _ @ -")
    if not password:
        raise ValueError("the password is empty")
    return f"{name} {role} {_hasher.hash(password)}"


def append_to_file(path: Path, name: str, line: str) -> None:
    """Add the line of a user to the file, which is made for its owner alone. SettingError if that cannot be done,
    ValueError if the user has one already."""
    with alone_at(FILE, path):
        if path.exists() and name in read_file(path):
            raise ValueError(f"{name} has a line in {path} already: remove it first")
        append_line(path, line)


def read_file(path: Path) -> dict[str, User]:
    """The users of a file, by name: a line each of name, role and argon2's hash. SettingError names a line that is
    not so, without its hash."""
    users: dict[str, User] = {}
    with _readable(path):
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or line.lstrip().startswith("#"):
            continue
        where = f"{FILE}={path}, line {number}"
        if len(words) != 3 or not _NAME.fullmatch(words[0]) or not words[2].startswith("$argon2id$"):
            raise SettingError(f"{where}: not of the form `name role hash`; `ingest console-user` prints such a line")
        if words[1] not in tuple(Role):
            raise SettingError(f"{where}: {words[1]} is neither {' nor '.join(Role)}")
        if words[0] in users:
            raise SettingError(f"{where}: {words[0]} has a line already")
        users[words[0]] = User(words[0], Role(words[1]), words[2])
    return users


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8"
        raise SettingError(f"{FILE}={path} cannot be read ({why})") from None
