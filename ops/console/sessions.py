"""Sessions: who has logged in, kept in the memory of this one process. A restart ends them all."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass, field

from ops.users import Role, User

LAST_SECONDS = 12 * 3600
"""A shift"""
UNMASKED_SECONDS = 15 * 60
MOST = 1000
"""Of all users; the oldest ends when another begins"""


@dataclass
class Session:
    """One browser of one user."""

    user: User
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    """A secret that each form of this session carries"""
    ends_at: float = field(default_factory=lambda: time.monotonic() + LAST_SECONDS)
    is_logged_in: bool = True
    """Not where the console is open to everybody"""
    unmasked_until: dict[str, float] = field(default_factory=dict)
    """The pages on which the user has asked for what is masked, by path, and until when"""

    def unmask(self, path: str) -> None:
        """Show what is masked on a page, for a while: a tab that stays open is masked again."""
        now = time.monotonic()
        self.unmasked_until = {one: until for one, until in self.unmasked_until.items() if until > now}
        self.unmasked_until[path] = now + UNMASKED_SECONDS

    def mask(self, path: str) -> None:
        """Mask a page again."""
        self.unmasked_until.pop(path, None)

    def is_unmasked(self, path: str) -> bool:
        """Whether a page shows what is masked elsewhere."""
        return self.may_act and self.unmasked_until.get(path, 0.0) > time.monotonic()

    @property
    def may_act(self) -> bool:
        """Whether the user is an operator."""
        return self.user.role is Role.OPERATOR


class Sessions:
    """All that are going on, by the digest of what their cookie says."""

    def __init__(self) -> None:
        self._sessions: dict[bytes, Session] = {}

    def begin(self, user: User) -> str:
        """Begin one; return the cookie's value."""
        now = time.monotonic()
        self._sessions = {key: one for key, one in self._sessions.items() if one.ends_at > now}
        while len(self._sessions) >= MOST:
            del self._sessions[next(iter(self._sessions))]
        token = secrets.token_urlsafe(32)
        self._sessions[_digest(token)] = Session(user)
        return token

    def find(self, token: str) -> Session | None:
        """The session of a cookie, if it goes on."""
        session = self._sessions.get(_digest(token))
        return session if session and session.ends_at > time.monotonic() else None

    def end(self, token: str) -> None:
        """End the session of a cookie."""
        self._sessions.pop(_digest(token), None)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
