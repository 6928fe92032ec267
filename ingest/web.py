"""The web process: uvicorn with the settings that a public endpoint for pushes needs."""

from __future__ import annotations

import logging
import sys

import uvicorn

from ingest import logs, settings
from ingest.errors import SettingError

KEEP_ALIVE_SECONDS = 120
"""The vendor retries a minute later, perhaps on the same connection: it must not meet a closing one."""

_log = logging.getLogger(__name__)


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
        "ingest.app:create_app",
        factory=True,
        host=current.host,
        port=current.port,
        workers=current.web_concurrency,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=10,
        backlog=4096,
        access_log=False,  # a path may hold a secret
        server_header=False,
        date_header=False,
        log_config=None,  # our own, for uvicorn's lines too
        log_level="warning",
        ws="none",
    )


if __name__ == "__main__":
    main()
