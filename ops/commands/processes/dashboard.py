"""`ingest dashboard`: the Procfile's process of that name."""

from __future__ import annotations

import click

from ops.console import serve


@click.command()
def command() -> None:
    """Show the console, until SIGTERM: on loopback, and behind a login."""
    serve.main()
