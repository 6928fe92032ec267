"""`ingest dashboard`: the Procfile's process of that name."""

from __future__ import annotations

import click

from ops import dashboard


@click.command()
def command() -> None:
    """Show the queues, until SIGTERM: rq-dashboard, on loopback and behind a gate."""
    dashboard.main()
