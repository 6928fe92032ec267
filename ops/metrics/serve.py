"""The metrics process: `GET /metrics` for Prometheus, on loopback or behind a token.

A page in a browser on this machine could ask for loopback under a name of its own (DNS rebinding). So without a token
the name that is asked for has to be loopback's as well.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import signal
import socket
import threading
from collections.abc import Iterable
from socketserver import TCPServer, ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import make_wsgi_app

from ingest import logs, settings
from ingest.listening import refusal
from ingest.settings import is_loopback
from ops.metrics.exporter import Exporter

PATH = "/metrics"
REQUEST_SECONDS = 10
"""How long a connection may be silent"""
STOPPING = (signal.SIGTERM, signal.SIGINT)

_log = logging.getLogger("metrics")


class MetricsGate:
    """Lets Prometheus through, and nobody else."""

    def __init__(self, application: WSGIApplication, login: bytes | None) -> None:
        """`login`: SHA-256 of the Authorization header to ask for, if any."""
        self._application = application
        self._login = login

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """A WSGI application: the metrics, or a refusal."""
        if refusal := self._refusal(environ):
            start_response(refusal, [("Content-Type", "text/plain; charset=utf-8")])
            return [f"{refusal}\n".encode()]
        return self._application(environ, start_response)

    def _refusal(self, environ: WSGIEnvironment) -> str | None:
        if self._login is None:
            if not is_loopback(_host_name(environ.get("HTTP_HOST", ""))):
                return "403 Forbidden"
        elif not hmac.compare_digest(_digest(environ.get("HTTP_AUTHORIZATION", "")), self._login):
            return "401 Unauthorized"
        if environ["PATH_INFO"] != PATH:
            return "404 Not Found"
        return None if environ["REQUEST_METHOD"] in ("GET", "HEAD") else "405 Method Not Allowed"


def _host_name(host: str) -> str:
    """A Host header without its port, an IPv6 address without its brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _digest(header: str) -> bytes:
    return hashlib.sha256(header.encode("latin-1", "replace")).digest()


class _Handler(WSGIRequestHandler):
    timeout = REQUEST_SECONDS

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that it overrides
        """Say nothing: a scrape every few seconds is no news, and a path may hold anything."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # WSGIServer's own asks DNS for the name of this host, and waits for it
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()


def main() -> None:
    """Serve until SIGTERM. Raises SettingError."""
    # Before the threads begin, which inherit it: the signals are for the wait below.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    current = settings.load()
    current.check_metrics_exposure()
    logs.configure("metrics")
    exporter, registry = Exporter(current), CollectorRegistry()
    _ = current.database_url, current.redis_url  # raises now what each reading would raise
    try:
        server = _Server(current.metrics_host, current.metrics_port)
    except OSError as error:
        raise refusal("INGEST_METRICS_PORT", current.metrics_host, current.metrics_port, error) from None
    registry.register(exporter)
    server.set_app(MetricsGate(make_wsgi_app(registry), current.metrics_login))
    for work in (exporter.run, server.serve_forever):
        threading.Thread(target=work, daemon=True).start()
    _log.info("serving metrics at %s port %d", current.metrics_host, current.metrics_port)
    signal.sigwait(STOPPING)
