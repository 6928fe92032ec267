"""`ingest up`: the whole of it on one machine, in the foreground."""

from __future__ import annotations

import click

from ingest import settings
from ops.local.run import run


@click.command()
def command() -> None:
    """Run everything on this machine in the foreground; Ctrl-C stops it.

    Starts an embedded Postgres and Valkey under .data/ unless DATABASE_URL and REDIS_URL are set.
    """
    run(settings.load())
