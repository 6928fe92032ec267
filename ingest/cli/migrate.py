"""`ingest migrate`: apply schema.sql, the Procfile's release step."""

from __future__ import annotations

import click
import psycopg

from ingest import settings
from ingest.cli.postgres import connect
from ingest.errors import MigrationError
from ingest.resources import locate


@click.command()
def command() -> None:
    """Apply schema.sql; applying it again changes nothing."""
    with connect(settings.load()) as connection:
        try:
            connection.execute(locate("schema.sql").read_bytes())
        except psycopg.Error as error:
            raise MigrationError(f"schema.sql was not applied, nothing is changed: {error}") from error
    click.echo("schema.sql is applied")
