"""The options by which `dead` and `replay` choose pushes, and the selection that they come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import click
from psycopg import Connection

from ingest.kinds import KINDS
from ops import queries
from ops.repair.groups import find_group
from workers.selection import Selection

_Function = TypeVar("_Function", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--source", help="Of this source alone."),
    click.option("--kind", type=click.Choice(list(KINDS)), help="Of this kind alone."),
    click.option("--since", type=click.DateTime(), help="Only what came from then on, UTC."),
    click.option("--until", type=click.DateTime(), help="Only what came before then, UTC."),
    click.option("--path", help="Only those whose error is at this place of the body."),
)


def choosing_options(function: _Function) -> _Function:
    """Give a command the options --source, --kind, --since, --until and --path."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def select(
    statuses: Sequence[str],
    push_ids: Sequence[UUID] = (),
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
    **conditions: str | None,
) -> Selection:
    """The selection of what was typed."""
    return Selection(
        statuses=tuple(statuses),
        push_ids=tuple(push_ids) or None,
        since=since and since.replace(tzinfo=UTC),
        until=until and until.replace(tzinfo=UTC),
        limit=limit,
        **conditions,
    )


def of_group(connection: Connection[queries.Row], fingerprint: str | None, choice: Mapping[str, Any]) -> dict[str, Any]:
    """The conditions that were typed, and those that a group of dead letters stands for.

    UsageError if there is none of this fingerprint, or if it is to be of another kind or at another place.
    """
    if not fingerprint:
        return dict(choice)
    group = find_group(connection, fingerprint)
    if group is None:
        raise click.UsageError(f"no dead letters have the fingerprint {fingerprint}: see `ingest dead`")
    told = {"kind": group.kind, "path": group.path, "error": group.error}
    for name, value in told.items():
        if choice.get(name) not in (None, value):
            raise click.UsageError(f"the group {fingerprint} is of the {name} {value}, not {choice[name]}")
    return {**choice, **told}
