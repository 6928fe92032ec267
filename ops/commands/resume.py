"""`ingest resume`: the end of a pause."""

from __future__ import annotations

import click

from ingest import settings
from ingest.batch.pause import resume
from ops import in_flight


@click.command()
def command() -> None:
    """Let the workers go on after `ingest pause`."""
    with in_flight.connect(settings.load()) as client:
        ended = resume(client)
    click.echo(f"resumed; before, {ended.words}" if ended else "workers were not paused")
