"""`ingest env`: the URLs of what is running, for programs that connect by themselves, as psql and redis-cli do."""

from __future__ import annotations

import re
import shlex

import click

from ingest import settings


@click.command()
def command() -> None:
    """Print DATABASE_URL=… and REDIS_URL=…, quoted for a shell."""
    current = settings.load()
    click.echo(f"DATABASE_URL={shlex.quote(current.database_url)}")
    click.echo(f"REDIS_URL={shlex.quote(_with_user(current.redis_url))}")


def _with_user(url: str) -> str:
    """The same URL, with the name of Redis's default user if it has a password and no user.

    redis-cli would take the empty string before the colon for the name.
    """
    return re.sub(r"^(rediss?|unix)://:", r"\1://default:", url)
