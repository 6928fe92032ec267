"""The dashboard process: rq-dashboard on loopback, reading the JSON serializer, behind a gate of our own."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import rq.serializers
from rq.serializers import JSONSerializer
from rq_dashboard.cli import make_flask_app
from rq_dashboard.web import config as rq_dashboard_config
from rq_dashboard.web import setup_rq_connection

from ingest import logs, settings
from ingest.settings import Settings

ADDRESS = "127.0.0.1"
"""rq-dashboard itself would listen on every address."""
_OUR_NAMES = (ADDRESS, "localhost")
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

_log = logging.getLogger("dashboard")


class Gate:
    """Lets requests through that come from the operator's own browser tab.

    Listening on loopback does not ensure that: any page that the operator visits can send requests there. A page whose
    name is made to lead to loopback (DNS rebinding) can also read the answers.
    """

    def __init__(self, application: WSGIApplication, login: bytes | None) -> None:
        """`login`: SHA-256 of the Authorization header to ask for, if any."""
        self._application = application
        self._login = login

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """A WSGI application: rq-dashboard's answer, or a refusal."""
        if refusal := self._refusal(environ):
            status, words = refusal
            headers = [("Content-Type", "text/plain; charset=utf-8")]
            if status.startswith("401"):
                headers.append(("WWW-Authenticate", 'Basic realm="RQ dashboard"'))
            start_response(status, headers)
            return [f"{words}\n".encode()]

        def start_unframed(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            # In a frame of another page its buttons could be clicked without being seen.
            return start_response(status, [*headers, ("X-Frame-Options", "DENY")], *exc_info)

        return self._application(environ, start_unframed)

    def _refusal(self, environ: WSGIEnvironment) -> tuple[str, str] | None:
        host = environ.get("HTTP_HOST", "")
        if host.partition(":")[0] not in _OUR_NAMES:
            return "403 Forbidden", f"the dashboard answers to {' and '.join(_OUR_NAMES)} only"
        if self._login and not hmac.compare_digest(_digest(environ.get("HTTP_AUTHORIZATION", "")), self._login):
            return "401 Unauthorized", "username and password, please"
        if environ["REQUEST_METHOD"] not in _SAFE_METHODS and not _is_from_own_page(environ, host):
            return "403 Forbidden", "another site's page may not act here"
        return None


def _is_from_own_page(environ: WSGIEnvironment, host: str) -> bool:
    # Every browser sends one of the two with a POST; curl sends neither.
    if site := environ.get("HTTP_SEC_FETCH_SITE"):
        return bool(site == "same-origin")
    return environ.get("HTTP_ORIGIN") in (None, f"http://{host}")


def _digest(header: str) -> bytes:
    return hashlib.sha256(header.encode()).digest()


def _application(current: Settings) -> Any:
    """rq-dashboard's Flask application, as its own command would make it, behind the gate."""
    application = make_flask_app(config=None, username=None, password=None, url_prefix="")
    application.config |= {"RQ_DASHBOARD_REDIS_URL": maskable(current.redis_url), "DEPRECATED_OPTIONS": []}
    rq_dashboard_config.serializer = JSONSerializer
    # It reads workers with RQ's default serializer, pickle: anybody who can write to Redis could make it run code.
    vars(rq.serializers).update(PickleSerializer=JSONSerializer)
    setup_rq_connection(application)
    for rule in application.url_map.iter_rules():
        if "POST" in rule.methods:
            rule.methods -= {"GET", "HEAD"}  # it requeues on GET as well, which any link or image can be
    application.wsgi_app = Gate(application.wsgi_app, current.dashboard_login)
    return application


def main() -> None:
    """Serve until SIGTERM, on loopback only. Raises SettingError."""
    current = settings.load()
    logs.configure("dashboard")
    application = _application(current)
    _log.info("showing the queues at http://%s:%d", ADDRESS, current.dashboard_port)
    application.run(host=ADDRESS, port=current.dashboard_port, debug=False, load_dotenv=False)


def maskable(url: str) -> str:
    """The same URL, with its password where rq-dashboard does not show it on each page: before the first @."""
    parts = urlsplit(url)
    credentials, _, place = parts.netloc.rpartition("@")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    user, _, password = credentials.partition(":")
    password = password or quote(query.pop("password", ""), safe="")
    user = user or quote(query.pop("username", ""), safe="")
    if user or password:
        place = f"{user}:{password}".replace("@", "%40") + f"@{place}"
    return parts._replace(netloc=place, query=urlencode(query)).geturl()
