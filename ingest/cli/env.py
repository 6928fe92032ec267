"""`ingest env`: the URLs of what is running, for psql, redis-cli and `export`."""

from __future__ import annotations

import shlex

import click

from ingest import settings


@click.command()
def command() -> None:
    """Print DATABASE_URL=… and REDIS_URL=…, quoted for a shell."""
    current = settings.load()
    click.echo(f"DATABASE_URL={shlex.quote(current.database_url)}")
    click.echo(f"REDIS_URL={shlex.quote(current.redis_url)}")
