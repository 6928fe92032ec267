"""The options by which `dead` and `replay` choose pushes, and the selection that they come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import click
from psycopg import Connection

from ingest.kinds import KINDS
from ops import queries
from ops.days import read_moment
from ops.repair.groups import find_group
from ops.typed import Text
from workers.selection import Selection

_Function = TypeVar("_Function", bound=Callable[..., Any])


class _Moment(click.ParamType[datetime]):
    """A moment as the commands print it, or as people write one."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read what was typed."""
        try:
            return read_moment(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


_OPTIONS = (
    click.option("--source", type=Text(), help="Of this source alone."),
    click.option("--kind", type=click.Choice(list(KINDS)), help="Of this kind alone."),
    click.option("--since", type=_Moment(), help="Only what came from then on, UTC."),
    click.option("--until", type=_Moment(), help="Only what came before then, UTC."),
)


def choosing_options(function: _Function) -> _Function:
    """Give a command the options --source, --kind, --since and --until."""
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
        since=since,
        until=until,
        limit=limit,
        **conditions,
    )


def of_group(connection: Connection[queries.Row], fingerprint: str | None, choice: Mapping[str, Any]) -> dict[str, Any]:
    """The conditions that were typed, and those that a group of dead letters stands for.

    UsageError if there is none of this fingerprint, or if it is to be of another kind.
    """
    if fingerprint is None:
        return dict(choice)
    group = find_group(connection, fingerprint)
    if group is None:
        raise click.UsageError(f"no dead letters have the fingerprint {fingerprint}: see `ingest dead`")
    if choice.get("kind") not in (None, group.kind):
        raise click.UsageError(f"the group {fingerprint} is of the kind {group.kind}, not {choice['kind']}")
    return {**choice, "kind": group.kind, "error": group.error}
