"""`ingest migrate`: bring the tables up to schema.sql, the Procfile's release step."""

from __future__ import annotations

import click
import psycopg
from psycopg.errors import DependentObjectsStillExist, Diagnostic

from ingest import session, settings
from ingest.errors import MigrationError, describe
from ops.migrations.migrator import Migrator
from ops.queries import connect

_ABOUT_DATA = ("22", "P0")
"""Classes of SQLSTATE whose messages quote values: of data that does not fit, and of what functions raise"""


@click.command()
def command() -> None:
    """Make the tables, or bring those of an older version up to date; again is harmless.

    Others may read and write meanwhile: none of them waits for longer than 200 ms.
    """
    with connect(settings.load()) as connection:
        if why := session.unfit(connection.info.parameter_status, connection.info.server_version):
            raise MigrationError(f"the tables are not made: {why}")
        connection.add_notice_handler(_pass_on_warning)
        try:
            Migrator(connection, click.echo, _warn).run()
        except psycopg.Error as error:
            raise MigrationError(f"the tables are not up to date: {_words(error)}") from None


def _warn(text: str) -> None:
    click.echo(f"ingest: {text}", err=True)


def _pass_on_warning(said: Diagnostic) -> None:
    if said.severity_nonlocalized == "WARNING":  # not the notices that something is there already
        _warn(said.message_primary or "")


def _words(error: psycopg.Error) -> str:
    """The message of Postgres, without the rest of its text, which quotes a row. A message about data is left out."""
    message = error.diag.message_primary
    if isinstance(error, DependentObjectsStillExist):
        # Names of the customer's own views, which only they can make again.
        message = f"{message}: {'; '.join((error.diag.message_detail or '').splitlines())}"
    is_about_data = (error.sqlstate or "")[:2] in _ABOUT_DATA
    return describe(error) if message is None or is_about_data else f"{message} ({describe(error)})"
