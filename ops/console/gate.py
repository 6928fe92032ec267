"""The gate: lets requests through that come from a user's own browser tab, and sets what browsers may do with answers.

Listening on loopback does not ensure that: any page that somebody visits can send requests there. A page whose name is
made to lead to loopback (DNS rebinding) can also read the answers.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OUR_NAMES = ("127.0.0.1", "localhost")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
MOST_BYTES = 64 * 1024
"""Of a form"""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# rq-dashboard's pages have scripts and styles in them.
_POLICY_OF_RQ = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_ALWAYS = {
    "X-Frame-Options": "DENY",  # in a frame of another page buttons could be clicked without being seen
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Gate:
    """An ASGI application: the console's answers with these headers, or a refusal."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_ALWAYS)
                headers["Content-Security-Policy"] = _POLICY_OF_RQ if scope["path"].startswith("/rq/") else _POLICY
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = _refusal(scope)
        if refusal:
            await PlainTextResponse(f"{refusal[1]}\n", refusal[0])(scope, receive, send_guarded)
        else:
            await self._app(scope, receive, send_guarded)


def _refusal(scope: Scope) -> tuple[int, str] | None:
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if host.partition(":")[0] not in OUR_NAMES:
        return 403, f"the console answers to {' and '.join(OUR_NAMES)} only"
    if _is_within_others_page(headers):
        return 403, "another site's page may lead here, and load nothing from here"
    if scope["method"] not in SAFE_METHODS:
        if not _is_from_own_page(headers, host):
            return 403, "another site's page may not act here"
        length = headers.get("content-length", "0")
        if "transfer-encoding" in headers or not length.isdigit() or int(length) > MOST_BYTES:
            return 413, f"a form has {MOST_BYTES} bytes at most, and says how many"
    return None


def _is_within_others_page(headers: Headers) -> bool:
    # Some pages cost locks and writes, such as a dry run, and an open console knows no session that could be missing.
    is_link = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")
    return headers.get("sec-fetch-site") in ("cross-site", "same-site") and not is_link


def _is_from_own_page(headers: Headers, host: str) -> bool:
    # Every browser sends one of the two with a POST; curl sends neither.
    if site := headers.get("sec-fetch-site"):
        return site == "same-origin"
    return headers.get("origin") in (None, f"http://{host}")
