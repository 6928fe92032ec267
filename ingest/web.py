"""The web process: uvicorn with the settings that a public endpoint for pushes needs."""

from __future__ import annotations

import logging
import sys

import uvicorn

from ingest import settings
from ingest.errors import SettingError

KEEP_ALIVE_SECONDS = 120
"""The vendor retries a minute later, perhaps on the same connection: it must not meet a closing one."""


def main() -> None:
    """Serve until SIGTERM; what was accepted by then is still answered."""
    try:
        current = settings.load()
        current.check_exposure()
    except SettingError as error:
        sys.exit(f"ingest: {error}")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
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
        log_level="warning",
        ws="none",
    )


if __name__ == "__main__":
    main()
