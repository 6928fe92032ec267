"""The web process: uvicorn with the settings that a public endpoint for pushes needs."""

from __future__ import annotations

import logging
import sys
from typing import Any

import uvicorn
from starlette.applications import Starlette

from ingest import logs, settings
from ingest.app import create_app
from ingest.errors import SettingError
from ingest.garbage import spare_garbage_collector

KEEP_ALIVE_SECONDS = 120
"""The vendor retries a minute later, perhaps on the same connection: it must not meet a closing one."""

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
    "proxy_headers": False,  # whom to believe is decided by `ingest.addresses`
}
"""How we serve, whatever the address"""

_log = logging.getLogger(__name__)


def application() -> Starlette:
    """Build the application of one process."""
    # Here as well: with WEB_CONCURRENCY this process was spawned, and has not been through `main`.
    logs.configure(logging.INFO)
    app = create_app()
    spare_garbage_collector()
    return app


def main() -> None:
    """Serve until SIGTERM; what was accepted by then is still answered."""
    try:
        current = settings.load()
        current.check_exposure()
    except SettingError as error:
        sys.exit(f"ingest: {error}")
    logs.configure(logging.INFO)
    _log.info("serving pushes at %s port %d, POST /airudder/custom-api", current.host, current.port)
    uvicorn.run(
        "ingest.web:application",
        factory=True,
        host=current.host,
        port=current.port,
        workers=current.web_concurrency,
        http="ingest.connection:BoundedProtocol",
        **UVICORN,
    )


if __name__ == "__main__":
    main()
