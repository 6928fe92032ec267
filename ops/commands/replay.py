"""`ingest replay`: normalise pushes again, after a fix or a change of how they are read."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import click

from ingest import settings
from ops import queries
from ops.output import print_table
from ops.repair.choosing import choosing_options, of_group, select
from ops.repair.dry_run import dry_run
from ops.repair.following import outcome_words, replay_selected
from ops.repair.replays import count_selected, newest_replays, stop_replay
from ops.repair.showing import print_dry_run
from ops.typed import Text
from workers.selection import REPLAYABLE

SHOWN = 20


@click.group(invoke_without_command=True)
@click.option("--id", "push_ids", multiple=True, type=click.UUID, help="This push; may be given several times.")
@click.option("--group", "fingerprint", type=Text(), help="Dead letters of this fingerprint of `ingest dead`.")
@choosing_options
@click.option("--status", "statuses", multiple=True, type=click.Choice(REPLAYABLE), help="Default: dead, normalised.")
@click.option("--limit", type=click.IntRange(1), help="At most so many, the oldest.")
@click.option("--dry-run", "is_dry", is_flag=True, help="Show which rows and columns would change, and change nothing.")
@click.option("--show-personal", is_flag=True, help="In a dry run: values too that say who somebody is.")
@click.option("--no-wait", is_flag=True, help="Begin, and do not wait for the end.")
@click.pass_context
def command(
    context: click.Context, /, push_ids: Sequence[UUID], fingerprint: str | None, statuses: Sequence[str], **others: Any
) -> None:
    """Normalise pushes again: what is kept raw comes to its tables as it is read now. All conditions have to hold.

    The sweeper works it off, the oldest first, while live pushes go their way. Ctrl-C leaves it running. Exit code 1
    if one is dead again, or still waits.
    """
    is_dry, show_personal, no_wait = (others.pop(name) for name in ("is_dry", "show_personal", "no_wait"))
    limit = others.pop("limit")
    is_chosen = bool(push_ids or fingerprint or statuses or any(others.values()))
    if context.invoked_subcommand:
        if is_chosen or limit or is_dry or show_personal or no_wait:
            raise click.UsageError("`list` and `stop` take none of the options of `ingest replay`")
        return
    if not is_chosen:
        raise click.UsageError("say which pushes: see `ingest replay --help`")
    current = settings.load()
    with queries.connect(current) as connection:
        conditions = of_group(connection, fingerprint, others)
        statuses = statuses or (("dead",) if fingerprint else ("dead", "normalised"))
        selection = select(statuses, push_ids, limit=limit, **conditions)
        if is_dry:
            total = count_selected(connection, selection)
            print_dry_run(dry_run(current.database_url, selection), total, show_personal)
            return
        is_well = replay_selected(connection, current.operator, selection, wait=not no_wait)
    if not is_well:
        sys.exit(1)


@command.command("list")
def list_replays() -> None:
    """List the newest replays: of what, how far, and what became of their pushes."""
    with queries.connect(settings.load()) as connection:
        replays = newest_replays(connection, SHOWN)
    rows = [
        {
            "id": one.replay_id,
            "begun": one.at,
            "operator": one.operator,
            "state": one.state,
            "of": " ".join(f"{name}={value}" for name, value in one.filter.items()),
            "settled": f"{one.settled} of {one.total}",
            "outcomes": outcome_words(one),
        }
        for one in replays
    ]
    print_table("replays", rows)
    if not rows:
        click.echo("no replays")


@command.command()
@click.argument("replay_id", metavar="ID", type=int)
def stop(replay_id: int) -> None:
    """Stop a replay: what is pending by now is settled still, and what was normalised stays so.

    Exit code 1 if it is not running.
    """
    current = settings.load()
    with queries.connect(current) as connection:
        is_stopped = stop_replay(connection, current.operator, replay_id)
    if not is_stopped:
        click.echo(f"replay {replay_id} is not running: see `ingest replay list`", err=True)
        sys.exit(1)
    click.echo(f"replay {replay_id} stops")
