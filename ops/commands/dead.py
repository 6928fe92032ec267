"""`ingest dead`: the dead letters: what they died of, one by one, another try after a fix, or none any more."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import click
import msgspec
from psycopg import Connection

from ingest import settings
from ingest.batch.entry import stored_entry
from ingest.opening.openers import openers
from ops import queries, totals
from ops.identifiers import push_key
from ops.output import print_record, print_table, progress, shown
from ops.repair.causes import DeadCause, causes_of
from ops.repair.choosing import choosing_options, of_group, select
from ops.repair.discarding import discard as discard_selected
from ops.repair.following import replay_selected
from ops.repair.groups import dead_groups, find_dead
from ops.repair.replays import count_selected
from ops.typed import Text

SHOWN_GROUPS = 20
SHOWN_CHARACTERS = 2000
"""Of a sample's shape; `--json` has the whole of it"""

_Connection = Connection[queries.Row]


@click.group(invoke_without_command=True)
@choosing_options
@click.option("--json", "as_json", is_flag=True, help="One JSON array, for scripts.")
@click.pass_context
def command(context: click.Context, /, as_json: bool, **choice: Any) -> None:
    """Dead letters, pushes of which nothing could be normalised, by what they died of: the largest group first.

    Each has a fingerprint, by which `replay` and `discard` take it. Of its newest push the shape is shown, not a value.
    """
    if context.invoked_subcommand:
        if as_json or any(choice.values()):
            raise click.UsageError("options of `ingest dead` stand behind the subcommand")
        return
    with queries.connect(settings.load()) as connection:
        groups = dead_groups(connection, select(("dead",), **choice))
        causes = causes_of(connection, groups if as_json else groups[:SHOWN_GROUPS])
    if as_json:
        click.echo(msgspec.json.encode(causes))
    else:
        _print_groups(causes, len(groups), sum(group.pushes for group in groups))


def _print_groups(causes: list[DeadCause], groups: int, pushes: int) -> None:
    if not causes:
        click.echo("no dead letters")
        return
    columns = ("fingerprint", "pushes", "kind", "error", "first_seen", "last_seen", "sample")
    cells = [{**{name: getattr(one, name) for name in columns}, "sources": ", ".join(one.sources)} for one in causes]
    print_table(f"causes of {pushes} dead letters", cells, groups)
    for one in causes:
        shape = msgspec.json.encode(one.shape).decode()
        cut = "…" if len(shape) > SHOWN_CHARACTERS else ""
        click.echo(f"{one.fingerprint}  {shape[:SHOWN_CHARACTERS]}{cut}")


@command.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most so many.")
def list_dead(limit: int) -> None:
    """List dead letters one by one, the newest first."""
    with queries.connect(settings.load()) as connection:
        rows = connection.execute(queries.DEAD_NEWEST_FIRST, {"limit": limit}).fetchall()
        total, _ = totals.dead(connection)
    print_table("dead letters", rows, total)
    if not rows:
        click.echo("no dead letters")


@command.command()
@click.argument("push_id", type=click.UUID)
@click.option("--body", "body_only", is_flag=True, help="Write the raw body alone, byte for byte.")
@click.option("--open", "is_open", is_flag=True, help="Of an encrypted push show what is in it.")
def show(push_id: UUID, body_only: bool, is_open: bool) -> None:
    """Show one push: why it is dead, and its body, which may hold personal data."""
    with queries.connect(settings.load()) as connection:
        push = connection.execute(queries.PUSH_BY_ID, push_key(push_id)).fetchone()
    if not push:
        click.echo("no push has this id", err=True)
        sys.exit(1)
    body, signature = push.pop("body"), push.pop("signature")
    entry = stored_entry(push["push_id"], push["received_at"], push["source"], push["kind"], body, signature)
    is_encrypted = openers().is_encrypted(entry)
    body = openers().readable(entry) if is_open else body
    if body_only:
        click.echo(body, nl=False)
        return
    print_record("push", push)
    click.echo("body, encrypted: --open shows what is in it" if is_encrypted and not is_open else "body")
    click.echo(shown(body.decode(errors="backslashreplace"), keep="\t\n"))


@command.command()
@click.argument("push_ids", nargs=-1, type=click.UUID)
@click.option("--all", "every", is_flag=True, help="Replay all dead letters.")
def replay(push_ids: Sequence[UUID], every: bool) -> None:
    """Give dead letters another try, by id or --all: the same as `ingest replay --status dead`.

    Exit code 1 if one is dead again, was not dead, or still waits for the sweeper.
    """
    if bool(push_ids) == every:
        raise click.UsageError("name push ids, or --all")
    current = settings.load()
    with queries.connect(current) as connection:
        is_well = _are_dead(connection, push_ids)
        is_well &= replay_selected(connection, current.operator, select(("dead",), push_ids))
    if not is_well:
        sys.exit(1)


@command.command()
@click.argument("push_ids", nargs=-1, type=click.UUID)
@click.option("--group", "fingerprint", type=Text(), help="Those of this fingerprint, as `ingest dead` shows it.")
@choosing_options
@click.option("--all", "every", is_flag=True, help="Discard all dead letters.")
@click.option("--reason", required=True, type=Text(), help="Why nobody needs them; kept, so name no person in it.")
def discard(push_ids: Sequence[UUID], fingerprint: str | None, every: bool, reason: str, **choice: Any) -> None:
    """Give dead letters up: their outcome is `discarded` from then on. The raw push stays.

    Exit code 1 if one of the ids was not dead.
    """
    is_chosen = bool(push_ids or fingerprint or any(choice.values()))
    if is_chosen == every:
        raise click.UsageError("name push ids, --group or conditions, or --all")
    current = settings.load()
    with queries.connect(current) as connection:
        selection = select(("dead",), push_ids, **of_group(connection, fingerprint, choice))
        is_well = _are_dead(connection, push_ids)
        try:
            with progress(count_selected(connection, selection), "discarding dead letters") as advance:
                discarded = discard_selected(connection, current.operator, selection, reason, advance)
        except KeyboardInterrupt:
            click.echo("interrupted: some may be discarded, and the others are as they were. Run it again", err=True)
            sys.exit(1)
    click.echo(f"discarded: {discarded}")
    if not is_well:
        sys.exit(1)


def _are_dead(connection: _Connection, push_ids: Sequence[UUID]) -> bool:
    others = set(push_ids) - find_dead(connection, push_ids)
    for push_id in sorted(others):
        click.echo(f"{push_id} is not a dead letter", err=True)
    return not others
