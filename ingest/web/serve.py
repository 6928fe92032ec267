"""The web process: uvicorn with the settings that a public endpoint for pushes needs."""

from __future__ import annotations

import logging
import signal
import sys
from multiprocessing import current_process
from typing import Any

import uvicorn
from starlette.applications import Starlette

from ingest import logs, settings
from ingest.errors import SettingError
from ingest.garbage import spare_garbage_collector
from ingest.listening import bound
from ingest.settings import Settings
from ingest.web.app import create_app, log_read_again
from ingest.web.timed_protocol import KEEP_ALIVE_SECONDS

UVICORN: dict[str, Any] = {
    "timeout_keep_alive": KEEP_ALIVE_SECONDS,
    "timeout_graceful_shutdown": 10,
    "backlog": 4096,
    "access_log": False,  # a path may hold a secret
    "server_header": False,
    "date_header": False,
    "log_config": None,  # our own, for uvicorn's lines too
    "log_level": logs.level_of("uvicorn"),
    "ws": "none",
    "proxy_headers": False,  # whom to believe is decided by `ingest.web.addresses`
}
"""The settings of uvicorn that do not depend on ours"""

_log = logging.getLogger("web")


def application() -> Starlette:
    """Build the application of one process."""
    # Here as well as in `main`: with WEB_CONCURRENCY this process was spawned, and does not run `main`.
    logs.configure("web")
    try:
        app = create_app()
        if _is_replacement(current := settings.load()):
            log_read_again(current.tokens)
    except SettingError as error:
        # For instance after SIGHUP, with a file of tokens that is broken. uvicorn then keeps the older process.
        _log.error("cannot start: %s", error)
        sys.exit(1)
    spare_garbage_collector()
    return app


def _is_replacement(current: Settings) -> bool:
    """Whether this process takes the place of another one, as after SIGHUP. multiprocessing numbers them from 1."""
    number = current_process().name.rpartition("-")[2]
    return number.isdigit() and int(number) > current.web_concurrency


def main() -> None:
    """Serve until SIGTERM. Requests that have been accepted by then are still answered. Raises SettingError."""
    # SIGHUP means: read the tokens again. Until the application handles it, the signal would end the process.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    current = settings.load()
    current.check_exposure()
    _ = current.tokens  # raises now what each new process would raise
    # uvicorn would tell of an address that is taken without a word of ours, and after the line below.
    bound("PORT or HOST", current.host, current.port).close()
    logs.configure("web")
    _log.info("serving pushes at %s port %d, POST /airudder/custom-api", current.host, current.port)
    uvicorn.run(
        "ingest.web.serve:application",
        factory=True,
        host=current.host,
        port=current.port,
        workers=current.web_concurrency,
        http="ingest.web.connection:BoundedProtocol",
        **UVICORN,
    )
