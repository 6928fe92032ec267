"""`airudder.actions`: who changed what by a command, when and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString

import click
from psycopg import Connection
from psycopg.types.json import Jsonb

from ingest.errors import IngestError
from ingest.settings import Settings
from ops import queries

BEGIN_ACTION: LiteralString = """
INSERT INTO airudder.actions (operator, command, filter, pushes, reason)
VALUES (%(operator)s, %(command)s, %(filter)s, %(pushes)s, %(reason)s) RETURNING action_id
"""

COUNT_PUSHES: LiteralString = """
UPDATE airudder.actions SET pushes = pushes + %(pushes)s WHERE action_id = %(action_id)s
"""

END_ACTION: LiteralString = "UPDATE airudder.actions SET ended_at = now() WHERE action_id = %(action_id)s"

_Connection = Connection[queries.Row]


def begin_action(
    connection: _Connection,
    operator: str,
    command: str,
    filters: Mapping[str, Any],
    *,
    pushes: int | None = 0,
    reason: str | None = None,
) -> int:
    """Note that an operator begins something; return the action's id.

    `filters`: what it is done to, as JSON's values, and nothing that tells who a person is. `pushes`: None where it is
    about none.
    """
    noted = {"operator": operator, "command": command, "filter": Jsonb(filters), "pushes": pushes, "reason": reason}
    row = connection.execute(BEGIN_ACTION, noted).fetchone()
    assert row, "the statement gives one row"
    action_id: int = row["action_id"]
    return action_id


def record_action(
    settings: Settings,
    command: str,
    filters: Mapping[str, Any],
    *,
    pushes: int | None = None,
    reason: str | None = None,
) -> None:
    """Record what was done elsewhere than in Postgres, and say on stderr why where that cannot be recorded.

    It is done all the same: a secret that has leaked has to go, and workers have to be paused.
    """
    try:
        with queries.connect(settings) as connection:
            begun = begin_action(connection, settings.operator, command, filters, pushes=pushes, reason=reason)
            end_action(connection, begun)
    except IngestError as error:
        click.echo(f"this is not recorded in airudder.actions: {error}", err=True)


def count_pushes(connection: _Connection, action_id: int, pushes: int) -> None:
    """Note that it has changed so many more."""
    connection.execute(COUNT_PUSHES, {"action_id": action_id, "pushes": pushes})


def end_action(connection: _Connection, action_id: int) -> None:
    """Note that it is done."""
    connection.execute(END_ACTION, {"action_id": action_id})
