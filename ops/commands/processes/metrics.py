"""`ingest metrics`: the Procfile's process of that name."""

from __future__ import annotations

import click

from ops.metrics import serve


@click.command()
def command() -> None:
    """Show metrics to Prometheus, until SIGTERM: on loopback, or behind a token."""
    serve.main()
