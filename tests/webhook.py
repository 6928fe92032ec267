"""A webhook for tests: a real HTTP server that keeps what is posted, and answers as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class WebhookServer(ThreadingHTTPServer):
    """`status`: what it answers; None: a byte now and then, without end."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.posted: list[dict[str, Any]] = []
        self.asked = 0
        self.status: int | None = 204

    @property
    def url(self) -> str:
        """Where to post; the path is a secret, as a chat service's is."""
        return f"http://127.0.0.1:{self.server_address[1]}/s3cret"


class _Handler(BaseHTTPRequestHandler):
    server: WebhookServer

    def do_POST(self) -> None:
        """Take a notice."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        if self.server.status is None:
            self._drip()
            return
        if self.server.status < 300:
            self.server.posted.append(json.loads(body))
        self.send_response(self.server.status)
        self.end_headers()

    def _drip(self) -> None:
        for letter in "HTTP/1.1 200 OK\r\nX-Slow: " + "x" * 10_000:
            try:
                self.wfile.write(letter.encode())
            except OSError:
                return
            time.sleep(0.05)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def webhook() -> Iterator[WebhookServer]:
    """A webhook until the block ends."""
    with WebhookServer() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
