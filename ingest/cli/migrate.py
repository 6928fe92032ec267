"""`ingest migrate`: apply schema.sql, the Procfile's release step."""

from __future__ import annotations

import click
import psycopg
from psycopg.errors import Diagnostic

from ingest import settings
from ingest.cli.postgres import connect
from ingest.errors import MigrationError, describe
from ingest.resources import locate

_ABOUT_DATA = ("22", "P0")
"""Classes of SQLSTATE whose messages quote values: of data that does not fit, and of what functions raise"""


@click.command()
def command() -> None:
    """Apply schema.sql; applying it again changes nothing."""
    with connect(settings.load()) as connection:
        connection.add_notice_handler(_pass_on_warning)
        try:
            connection.execute(locate("schema.sql").read_bytes())
        except psycopg.Error as error:
            raise MigrationError(f"schema.sql was not applied as a whole: {_words(error)}") from None
    click.echo("schema.sql is applied")


def _pass_on_warning(said: Diagnostic) -> None:
    if said.severity_nonlocalized == "WARNING":  # not the notices that something is there already
        click.echo(f"ingest: {said.message_primary}", err=True)


def _words(error: psycopg.Error) -> str:
    """What Postgres says, without the rest of its text, which quotes a row, as messages about data do too."""
    message = error.diag.message_primary
    is_about_data = (error.sqlstate or "")[:2] in _ABOUT_DATA
    return describe(error) if message is None or is_about_data else f"{message} ({describe(error)})"
