"""Login: name and password for a session's cookie, so many tries a minute; and the way from a cookie to its session."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ops.console.acting import form_fields, posted
from ops.console.rendering import render_plain
from ops.console.sessions import LAST_SECONDS, Session, Sessions
from ops.users import Role, User, Users

TRIES_A_MINUTE = 5
"""Of wrong passwords for one name"""
TRIES_OF_ALL = 30
"""Of wrong passwords for all names: each costs 64 MiB and 50 ms"""
MINUTE = 60.0

_log = logging.getLogger("dashboard")


class Door:
    """Finds the session of a request, and begins and ends sessions."""

    def __init__(self, users: Users, open_to: str | None, port: int) -> None:
        """`open_to`: under which name everybody on this machine acts, where nobody has to log in. `port`: browsers
        send a cookie of 127.0.0.1 to each of its ports, so its name says which one's it is."""
        self.users = users
        self.sessions = Sessions()
        self.cookie = f"ingest_console_{port}"
        self._wrong: dict[str, deque[float]] = {}
        self._one_at_a_time = asyncio.Semaphore(1)
        self._everybody = Session(User(open_to, Role.OPERATOR), is_logged_in=False) if open_to else None

    def session(self, request: Request) -> Session | None:
        """The session of a request; None if nobody has logged in."""
        if self._everybody:
            return self._everybody
        session = self.sessions.find(token := request.cookies.get(self.cookie, ""))
        if session and not self.users.is_still(session.user):
            self.sessions.end(token)
            return None
        return session

    def seconds_to_wait(self, name: str) -> float:
        """How long until another password may be tried."""
        now = time.monotonic()
        waits = [0.0]
        for whose, most in ((name, TRIES_A_MINUTE), ("", TRIES_OF_ALL)):
            tries = self._wrong.get(whose, deque())
            while tries and tries[0] < now - MINUTE:
                tries.popleft()
            if len(tries) >= most:
                waits.append(tries[-most] + MINUTE - now)
        return max(waits)

    async def log_in(self, name: str, password: str) -> str | None:
        """The cookie of a new session; None if the password is not this user's."""
        # A try counts from its beginning: others come while this one is compared.
        tried_at = time.monotonic()
        self._wrong = {whose: tries for whose, tries in self._wrong.items() if tries and tries[-1] > tried_at - MINUTE}
        for whose in (name, ""):
            self._wrong.setdefault(whose, deque(maxlen=TRIES_OF_ALL)).append(tried_at)
        async with self._one_at_a_time:
            user = await asyncio.to_thread(self.users.check, name, password)
        if user is None:
            return None
        self._wrong.pop(name, None)
        with suppress(KeyError, ValueError):
            self._wrong[""].remove(tried_at)
        return self.sessions.begin(user)


def door_of(request: Request) -> Door:
    """The door of this console."""
    door: Door = request.app.state.door
    return door


async def show_login(request: Request) -> Response:
    """The form."""
    door = door_of(request)
    if door.session(request):
        return RedirectResponse("/", 303)
    return render_plain("login.html", are_users_there=door.users.are_there, words="", name="", then=_then(request))


async def log_in(request: Request) -> Response:
    """A session for whoever knows a user's password."""
    fields, door = await form_fields(request), door_of(request)
    name, then = fields.get("name", "")[:64], _safe(fields.get("then", "/"))
    form = {"are_users_there": door.users.are_there, "name": name, "then": then}
    if (wait := door.seconds_to_wait(name)) > 0:
        words = f"Too many wrong passwords. Try again in {wait:.0f} seconds."
        answer = render_plain("login.html", 429, words=words, **form)
        answer.headers["Retry-After"] = str(int(wait) + 1)
        return answer
    token = await door.log_in(name, fields.get("password", ""))
    if token is None:
        _log.warning("a wrong password for the console")
        return render_plain("login.html", 403, words="This name and password do not belong together.", **form)
    answer = RedirectResponse(then, 303)
    answer.set_cookie(door.cookie, token, max_age=LAST_SECONDS, httponly=True, samesite="strict")
    return answer


async def log_out(request: Request) -> Response:
    """End the session."""
    await posted(request)
    door = door_of(request)
    door.sessions.end(request.cookies.get(door.cookie, ""))
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(door.cookie, httponly=True, samesite="strict")
    return answer


def _then(request: Request) -> str:
    return _safe(request.query_params.get("then", "/"))


def _safe(path: str) -> str:
    return path if is_own_path(path) else "/"


def is_own_path(path: str) -> bool:
    """Whether an address leads to this console: one that leads elsewhere would help whoever has made it."""
    return path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()


ROUTES = [
    Route("/login", show_login),
    Route("/login", log_in, methods=["POST"]),
    Route("/logout", log_out, methods=["POST"]),
]
