"""`ingest console-user`: a line for the file of the console's users."""

from __future__ import annotations

import click

from ingest import settings
from ops.users import Role, append_to_file, line_of


@click.command()
@click.argument("name")
@click.option(
    "--role", type=click.Choice(tuple(map(str, Role))), default=str(Role.VIEWER), show_default=True, help="Who may act."
)
@click.password_option(help="Asked for, unless it is given.")
def command(name: str, role: str, password: str) -> None:
    """Make the user NAME: a viewer sees counts, and what is about a person masked; an operator may show it, and act.

    The line goes into INGEST_CONSOLE_USERS_FILE, or is printed. A running console takes it up by itself.
    """
    file = settings.load().console_users_file
    try:
        line = line_of(name, Role(role), password)
        if file:
            append_to_file(file, name, line)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if file:
        click.echo(f"{name} is a user of the console: see {file}")
    else:
        click.echo(f"INGEST_CONSOLE_USERS_FILE is not set: name a file there, and add to it\n{line}")
