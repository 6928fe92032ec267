"""`ingest migrate`: apply schema.sql, the Procfile's release step."""

from __future__ import annotations

import click
import psycopg
from psycopg.errors import Diagnostic

from ingest import settings
from ingest.cli.postgres import connect
from ingest.errors import MigrationError
from ingest.resources import locate


@click.command()
def command() -> None:
    """Apply schema.sql; applying it again changes nothing."""
    with connect(settings.load()) as connection:
        connection.add_notice_handler(_pass_on_warning)
        try:
            connection.execute(locate("schema.sql").read_bytes())
        except psycopg.Error as error:
            raise MigrationError(f"schema.sql was not applied as a whole: {error}") from error
    click.echo("schema.sql is applied")


def _pass_on_warning(said: Diagnostic) -> None:
    if said.severity_nonlocalized == "WARNING":  # not the notices that something is there already
        click.echo(f"ingest: {said.message_primary}", err=True)
