"""`ingest watch`: tell a webhook or a command what is wrong."""

from __future__ import annotations

import click

from ops.watch import loop


@click.command()
def command() -> None:
    """Look every ten seconds until SIGTERM, and tell INGEST_ALERT_URL or INGEST_ALERT_COMMAND what needs a person."""
    loop.main()
