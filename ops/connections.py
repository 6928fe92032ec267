"""How many connections to Postgres the processes of one host have at once."""

from __future__ import annotations

from ingest.settings import Settings

CONSOLE = 4
"""The console's: so many questions are in hand together"""


def connections_needed(current: Settings) -> int:
    """One for each web process, while Redis is away, and each worker; the console's, and one each for sweeper and
    metrics. Two more are for a moment, for a command or `/readyz`."""
    return current.web_concurrency + current.workers + CONSOLE + 2 + 2
