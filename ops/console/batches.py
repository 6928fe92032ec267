"""rq-dashboard, as a part of the console: it shows batches and jobs, and reads the JSON serializer."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import rq.serializers
from a2wsgi import WSGIMiddleware
from redis import RedisError
from rq.serializers import JSONSerializer
from rq_dashboard.cli import make_flask_app
from rq_dashboard.web import config as rq_dashboard_config
from rq_dashboard.web import setup_rq_connection
from starlette.types import ASGIApp

from ingest.batch.clients import ANSWER_SECONDS
from ingest.errors import describe
from ingest.settings import Settings

THREADS = 4

_log = logging.getLogger("dashboard")


def rq_dashboard(current: Settings) -> ASGIApp:
    """rq-dashboard's Flask application, as its own command would make it, without a way in of its own."""
    application: Any = make_flask_app(config=None, username=None, password=None, url_prefix="")
    application.config |= {"RQ_DASHBOARD_REDIS_URL": _hurried(maskable(current.redis_url)), "DEPRECATED_OPTIONS": []}
    application.register_error_handler(RedisError, _away)
    rq_dashboard_config.serializer = JSONSerializer
    # It reads workers with RQ's default serializer, pickle: anybody who can write to Redis could make it run code.
    vars(rq.serializers).update(PickleSerializer=JSONSerializer)
    setup_rq_connection(application)
    for rule in application.url_map.iter_rules():
        if "POST" in rule.methods:
            rule.methods -= {"GET", "HEAD"}  # it requeues on GET as well, which any link or image can be
    mounted: ASGIApp = WSGIMiddleware(application, workers=THREADS)  # type: ignore[assignment]
    return mounted


def _hurried(url: str) -> str:
    """The same URL, for a client that does not wait long: there are few threads for all readers."""
    seconds = urlencode({"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": ANSWER_SECONDS})
    return f"{url}{'&' if urlsplit(url).query else '?'}{seconds}"


def _away(error: RedisError) -> tuple[str, int, dict[str, str]]:
    _log.error("batches cannot be shown: %s", describe(error))
    return "Redis does not answer. The page Now says what else is away.\n", 503, {"Content-Type": "text/plain"}


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
