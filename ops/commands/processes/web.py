"""`ingest web`: the Procfile's process of that name."""

from __future__ import annotations

import click

from ingest.web import serve


@click.command()
def command() -> None:
    """Receive pushes and acknowledge them, until SIGTERM; what was accepted by then is still answered."""
    serve.main()
