"""`ingest resume`: the end of a pause."""

from __future__ import annotations

import click

from ingest import settings
from ingest.batch.pause import resume
from ops import in_flight
from ops.repair.actions import record_action


@click.command()
def command() -> None:
    """Let the workers go on after `ingest pause`."""
    current = settings.load()
    with in_flight.connect(current) as client:
        ended = resume(client)
    if ended:
        record_action(current, "resume", {})
    click.echo(f"resumed; before, {ended.words}" if ended else "workers were not paused")
