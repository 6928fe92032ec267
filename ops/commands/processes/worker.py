"""`ingest worker`: the Procfile's process of that name."""

from __future__ import annotations

import click

from workers import pool


@click.command()
def command() -> None:
    """Normalise batches into Postgres, until SIGTERM; batches in hand are finished first."""
    pool.main()
