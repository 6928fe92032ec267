"""The dashboard process: rq-dashboard on loopback, reading the JSON serializer."""

from __future__ import annotations

import os
import sys

from rq_dashboard.cli import main as rq_dashboard

from ingest import settings
from ingest.errors import SettingError


def main() -> None:
    """Serve until SIGTERM. It has no login and acts on GET, so it never listens beyond this machine."""
    try:
        current = settings.load()
        # By environment rather than by argument: the URL may hold a password, and arguments show in `ps`.
        os.environ["RQ_DASHBOARD_REDIS_URL"] = current.redis_url
    except SettingError as error:
        sys.exit(f"ingest: {error}")
    sys.argv = ["rq-dashboard", "--bind", "127.0.0.1", "--port", str(current.dashboard_port), "--json"]
    rq_dashboard()


if __name__ == "__main__":
    main()
