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
    "log_level": "error",  # its warnings are what strangers send; those are counted
    "ws": "none",
    "proxy_headers": False,  # whom to believe is decided by `ingest.web.addresses`
}
"""How we serve, whatever the address"""

_log = logging.getLogger(__name__)


def application() -> Starlette:
    """Build the application of one process."""
    # Here as well: with WEB_CONCURRENCY this process was spawned, and has not been through `main`.
    logs.configure(logging.INFO)
    try:
        app = create_app()
        if _is_replacement(current := settings.load()):
            log_read_again(current.tokens)
    except SettingError as error:
        # As after SIGHUP with a broken file of tokens: uvicorn keeps the process that this one was to replace.
        _log.error("cannot start: %s", error)
        sys.exit(1)
    spare_garbage_collector()
    return app


def _is_replacement(current: Settings) -> bool:
    """Whether this process was spawned for another one, as after SIGHUP: multiprocessing numbers them from 1."""
    number = current_process().name.rpartition("-")[2]
    return number.isdigit() and int(number) > current.web_concurrency


def main() -> None:
    """Serve until SIGTERM; what was accepted by then is still answered. Raises SettingError."""
    # SIGHUP asks for the tokens to be read again. The application listens to it; before, it would end the process.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    current = settings.load()
    current.check_exposure()
    _ = current.tokens
    logs.configure(logging.INFO)
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
