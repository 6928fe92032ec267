"""Client of AI Rudder's API: one request at a time, with a token, patience and bounds. No text of an error holds a
credential, or a word of an answer."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import msgspec

from ingest.errors import SettingError, VendorError
from ingest.settings import is_loopback

BASE_URL = "https://api.airudder.com"
AUTH, DETAIL, NOTICE = "/service/cloud/auth", "/service/cloud/detail", "/service/cloud/workflow/apinoticeinfo"

TIMEOUT_SECONDS = 120
"""Of one request, from connecting to the answer's last byte"""
TOKEN_SECONDS = 24 * 60 * 60 - 5 * 60
"""How long a token is used: the vendor's is valid for 24 hours"""
PAUSE_SECONDS = 0.2
"""Between two requests: how many the vendor takes is not known"""
ATTEMPTS = 5
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 60.0
"""After a 429, a 5xx or a failed connection; doubled each time. A Retry-After is obeyed up to the longest wait."""
_TOO_MANY, _UNAUTHORIZED, _SERVER_ERROR = 429, 401, 500


@dataclass(frozen=True)
class Credentials:
    """The customer's name and secret at the vendor, which it gives tokens for."""

    app_key: str = field(repr=False)
    app_secret: str = field(repr=False)


def credentials_of(environ: Mapping[str, str] = os.environ) -> Credentials:
    """The credentials of the environment. Raises SettingError."""
    missing = [name for name in ("AIRUDDER_APP_KEY", "AIRUDDER_APP_SECRET") if not environ.get(name)]
    if missing:
        raise SettingError(f"{' and '.join(missing)} not set: AI Rudder's API is asked with them")
    return Credentials(environ["AIRUDDER_APP_KEY"], environ["AIRUDDER_APP_SECRET"])


def check_base_url(base_url: str) -> None:
    """Refuse a URL that the secret must not be sent to: SettingError."""
    try:
        parts = urlsplit(base_url)
        host = parts.hostname if parts.scheme in ("http", "https") and "@" not in parts.netloc else None
    except ValueError:
        host = None
    if not host:
        raise SettingError("--base-url is not of the form https://host")
    if parts.scheme == "http" and not is_loopback(host):
        raise SettingError("--base-url is http: the secret would be sent in plain text. Use https")


class VendorAnswer(NamedTuple):
    """An answer, as received."""

    status: int
    body: bytes
    retry_after: str | None = None

    @property
    def may_be_tried_again(self) -> bool:
        """Whether the same request may be answered otherwise later."""
        return self.status == _TOO_MANY or self.status >= _SERVER_ERROR


class _Token(msgspec.Struct):
    token: str = ""


class _TokenAnswer(msgspec.Struct):
    data: _Token | None = None


class Vendor:
    """AI Rudder's API. A context: the connections are closed at its end. Methods raise VendorError."""

    def __init__(self, credentials: Credentials, base_url: str = BASE_URL) -> None:
        check_base_url(base_url)
        self._credentials = credentials
        self._base_url = base_url.rstrip("/")
        self._token: str | None = None
        self._token_until = 0.0
        self._next_request = 0.0

    async def __aenter__(self) -> Vendor:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._session.close()

    async def detail(self, task_id: str) -> bytes:
        """The detail of a task, as received."""
        answer = await self._asked("GET", DETAIL, params={"TaskID": task_id})
        return _good(answer, DETAIL).body

    async def notice(self, request: Mapping[str, str]) -> VendorAnswer:
        """The answer about a Custom API Data Push of these ids, whatever its status, as its meaning is not
        documented."""
        return await self._asked("POST", NOTICE, json=dict(request))

    async def _asked(self, method: str, path: str, **content: Any) -> VendorAnswer:
        """Ask with a token; once more with a new one, if it is refused."""
        for is_last in (False, True):
            token = await self._current_token()
            headers = {"Authorization": f"Token {token}"}
            answer = await self._patiently(method, path, headers=headers, **content)
            if answer.status != _UNAUTHORIZED:
                return answer
            self._token = None
            if is_last:
                break
        raise VendorError(f"AI Rudder refuses a new token too ({path} answered 401)")

    async def _current_token(self) -> str:
        if self._token is None or time.monotonic() >= self._token_until:
            asked_at = time.monotonic()
            login = {"APPKey": self._credentials.app_key, "APPSecret": self._credentials.app_secret}
            answer = await self._patiently("POST", AUTH, json=login)
            if answer.status in (400, _UNAUTHORIZED, 403):
                raise VendorError(_refused(answer.status))
            self._token = _token_in(_good(answer, AUTH))
            self._token_until = asked_at + TOKEN_SECONDS
        return self._token

    async def _patiently(self, method: str, path: str, **content: Any) -> VendorAnswer:
        """Ask, and again while another try may help."""
        wait = FIRST_WAIT_SECONDS
        problem = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT_SECONDS)
            try:
                answer = await self._once(method, path, **content)
            except TimeoutError:
                raise VendorError(f"AI Rudder's {path} has not answered within {TIMEOUT_SECONDS} s") from None
            except aiohttp.ClientError as error:
                # Its text may quote the URL that was asked for.
                problem = f"could not be asked: {type(error).__name__}"
                continue
            if not answer.may_be_tried_again:
                self._check_no_credential(answer, path)
                return answer
            problem = f"answered {answer.status}"
            wait = max(wait, _seconds(answer.retry_after))
        raise VendorError(f"AI Rudder's {path} {problem}, {ATTEMPTS} times")

    async def _once(self, method: str, path: str, **content: Any) -> VendorAnswer:
        await asyncio.sleep(self._next_request - time.monotonic())
        self._next_request = time.monotonic() + PAUSE_SECONDS
        url = self._base_url + path
        # Another host, that a redirect leads to, would get the token as well.
        async with self._session.request(method, url, allow_redirects=False, **content) as answer:
            return VendorAnswer(answer.status, await answer.read(), answer.headers.get("Retry-After"))

    def _check_no_credential(self, answer: VendorAnswer, path: str) -> None:
        if path == AUTH:
            return
        secrets = (self._credentials.app_key, self._credentials.app_secret, self._token or "")
        if any(secret and secret.encode() in answer.body for secret in secrets):
            raise VendorError(f"AI Rudder's {path} answered with a credential of ours: the answer is not shown")


def _good(answer: VendorAnswer, path: str) -> VendorAnswer:
    if answer.status != 200:
        raise VendorError(f"AI Rudder's {path} answered {answer.status}")
    return answer


def _token_in(answer: VendorAnswer) -> str:
    try:
        data = msgspec.json.decode(answer.body, type=_TokenAnswer).data
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise VendorError(f"AI Rudder's {AUTH} answered something else than documented") from None
    token = data.token if data else ""
    # A line break in it would end the header that it is sent in.
    if not (token and token.isascii() and token.isprintable()):
        raise VendorError(_refused(answer.status))
    return token


def _refused(status: int) -> str:
    return f"AI Rudder gives no token (answered {status}): look at AIRUDDER_APP_KEY and AIRUDDER_APP_SECRET"


def _seconds(retry_after: str | None) -> float:
    text = retry_after or ""
    return min(float(text), LONGEST_WAIT_SECONDS) if text.isascii() and text.isdigit() else 0.0
