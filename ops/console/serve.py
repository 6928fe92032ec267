"""The dashboard process: the console, on loopback."""

from __future__ import annotations

import logging
import signal

import uvicorn

from ingest import logs, settings
from ingest.listening import bound
from ops.console.app import create_console
from ops.console.gate import OUR_NAMES

ADDRESS = OUR_NAMES[0]

_log = logging.getLogger("dashboard")


def main() -> None:
    """Serve until SIGTERM. Raises SettingError."""
    current = settings.load()
    logs.configure("dashboard")
    _ = current.database_url, current.redis_url  # raises now what each page would raise
    app = create_console(current)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the file of users is read again by itself
    with bound("DASHBOARD_PORT", ADDRESS, current.dashboard_port) as listener:
        _log.info("showing the console at http://%s:%d", ADDRESS, current.dashboard_port)
        config = uvicorn.Config(
            app,
            access_log=False,  # an address may hold what somebody searched for
            server_header=False,
            log_config=None,
            log_level=logs.level_of("uvicorn"),
            ws="none",
            lifespan="off",
            proxy_headers=False,
            timeout_graceful_shutdown=5,
        )
        uvicorn.Server(config).run([listener])
