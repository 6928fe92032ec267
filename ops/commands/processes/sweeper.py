"""`ingest sweeper`: the Procfile's process of that name."""

from __future__ import annotations

import click

from workers.sweeper import loop


@click.command()
def command() -> None:
    """Put lost batches back on their way, and keep the tables in order, until SIGTERM."""
    loop.main()
