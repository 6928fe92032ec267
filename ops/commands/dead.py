"""`ingest dead`: the dead letters: what they are, and another try after a fix."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import click
from psycopg import Connection

from ingest import settings
from ingest.batch.entry import stored_entry
from ingest.batch.push_ids import received_at_of
from ingest.opening.openers import openers
from ops import queries
from ops.output import print_record, print_table

REPLAY_WAIT_SECONDS = 30
"""How long `replay` waits for the sweeper to say what became of it."""
POLL_SECONDS = 0.2


@click.group()
def command() -> None:
    """List, show and replay dead letters: pushes of which nothing could be normalised."""


@command.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most so many.")
def list_dead(limit: int) -> None:
    """List dead letters, the newest first."""
    with queries.connect(settings.load()) as connection:
        rows = connection.execute(queries.DEAD_NEWEST_FIRST, {"limit": limit}).fetchall()
        (total,) = (row["pushes"] for row in connection.execute(queries.DEAD))
    print_table("dead letters", rows, total)
    if not rows:
        click.echo("no dead letters")


@command.command()
@click.argument("push_id", type=click.UUID)
@click.option("--body", "body_only", is_flag=True, help="Write the raw body alone, byte for byte.")
@click.option("--open", "is_open", is_flag=True, help="Of an encrypted push show what is in it.")
def show(push_id: UUID, body_only: bool, is_open: bool) -> None:
    """Show one push: why it is dead, and its body, which may hold personal data."""
    where = {"push_id": push_id, "received_at": received_at_of(push_id)}
    with queries.connect(settings.load()) as connection:
        push = connection.execute(queries.PUSH_BY_ID, where).fetchone()
    if not push:
        click.echo("no push has this id", err=True)
        sys.exit(1)
    body, signature = push.pop("body"), push.pop("signature")
    entry = stored_entry(push["push_id"], push["received_at"], push["source"], push["kind"], body, signature)
    is_encrypted = openers().is_encrypted(entry)
    body = openers().readable(entry) if is_open else body
    if not body_only:
        print_record("push", push)
        click.echo("body, encrypted: --open shows what is in it" if is_encrypted and not is_open else "body")
    click.echo(body, nl=not body_only)


@command.command()
@click.argument("push_ids", nargs=-1, type=click.UUID)
@click.option("--all", "every", is_flag=True, help="Replay all dead letters.")
def replay(push_ids: Sequence[UUID], every: bool) -> None:
    """Give dead letters another try, by id or --all; says what became of them.

    Exit code 1 if one is dead again, was not dead, or still waits for the sweeper.
    """
    if bool(push_ids) == every:
        raise click.UsageError("name push ids, or --all")
    with queries.connect(settings.load()) as connection:
        replayed = _replay_all(connection) if every else _replay(connection, push_ids)
        outcomes = _await_outcomes(connection, replayed)
    click.echo(", ".join(f"{status}: {pushes}" for status, pushes in outcomes.items()) or "nothing to replay")
    wanted = len(replayed) if every else len(push_ids)
    if outcomes.get("normalised", 0) + outcomes.get("duplicate", 0) < wanted:
        click.echo("why each is dead: ingest dead list", err=True)
        sys.exit(1)


def _replay_all(connection: Connection[queries.Row]) -> dict[UUID, datetime]:
    rows = connection.execute(queries.REPLAY_ALL_DEAD).fetchall()
    return {row["push_id"]: row["received_at"] for row in rows}


def _replay(connection: Connection[queries.Row], push_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    replayed: dict[UUID, datetime] = {}
    for push_id in push_ids:
        where = {"push_id": push_id, "received_at": received_at_of(push_id)}
        if row := connection.execute(queries.REPLAY_DEAD_BY_ID, where).fetchone():
            replayed[push_id] = row["received_at"]
        else:
            click.echo(f"{push_id} is not a dead letter", err=True)
    return replayed


def _await_outcomes(connection: Connection[queries.Row], replayed: dict[UUID, datetime]) -> dict[str, int]:
    if not replayed:
        return {}
    parameters = {"push_ids": list(replayed), "times": list(replayed.values())}
    deadline = time.monotonic() + REPLAY_WAIT_SECONDS
    while True:
        rows = connection.execute(queries.STATUSES_OF_REPLAYED, parameters).fetchall()
        outcomes = {row["status"]: row["pushes"] for row in rows}
        if "pending" not in outcomes or time.monotonic() > deadline:
            return outcomes
        time.sleep(POLL_SECONDS)
