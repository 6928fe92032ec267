"""The `ingest` command: one module a subcommand, imported only when it is called."""

from __future__ import annotations

import importlib
import sys

import click

from ingest import streams
from ingest.errors import IngestError

COMMANDS = {
    "up": "Run everything on this machine in the foreground.",
    "web": "Receive pushes and acknowledge them.",
    "worker": "Normalise batches into Postgres.",
    "sweeper": "Put lost batches back on their way; keep the tables in order.",
    "dashboard": "Show the console.",
    "metrics": "Show metrics to Prometheus.",
    "env": "Print DATABASE_URL and REDIS_URL of what is running.",
    "psql": "Run psql on the database.",
    "redis-cli": "Send commands to Redis.",
    "migrate": "Make the tables, or bring older ones up to date.",
    "send": "Simulate AI Rudder: send pushes at a given rate.",
    "status": "Show what is queued, pending, dead and refused.",
    "watch": "Tell a webhook or a command what needs a person.",
    "pause": "Let workers take no batch, while pushes are acknowledged.",
    "resume": "Let paused workers go on.",
    "doctor": "Check settings and servers, and name what to change.",
    "dead": "Show dead letters by cause; replay or discard them.",
    "replay": "Normalise pushes again, after a fix or a change.",
    "reconcile": "Check that everything acknowledged has an outcome.",
    "verify": "Ask AI Rudder whether a push is genuine.",
    "compare": "Hold AI Rudder's list of calls against ours.",
    "token": "Make, list and revoke the tokens of who may push.",
    "console-user": "Make a user of the console.",
    "trace": "Tell the whole story of a push, call, case, number or batch.",
    "drift": "Show what the vendor has changed in its pushes.",
    "find": "Find a call, a case, a number or a push.",
    "export": "Print everything held on a person.",
    "erase": "Remove a person everywhere.",
}

FOLDERS = {
    **dict.fromkeys(("web", "worker", "sweeper", "dashboard", "metrics", "watch"), "processes"),
    **dict.fromkeys(("up", "env", "psql", "redis-cli"), "local"),
}
"""Of commands whose modules are not in this folder itself"""


class _LazyGroup(click.Group):
    """Imports the module of a subcommand (`_` for `-`) and takes its `command` when that is wanted."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        place = ["ops.commands", FOLDERS.get(cmd_name), cmd_name.replace("-", "_")]
        command = importlib.import_module(".".join(filter(None, place))).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="airudder-ingest")
def cli() -> None:
    """Receive AI Rudder's call pushes: acknowledged at once, normalised into Postgres.

    Exit codes: 0 good, 1 found a problem, 2 usage.
    """


def main() -> None:
    """Entry point of the console script; an expected error is one line on stderr and exit code 1."""
    streams.make_usable()
    try:
        cli()
    except IngestError as error:
        click.echo(f"ingest: {error}", err=True)
        sys.exit(1)
