"""`airudder.actions`: who changed what by a command, when and why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, LiteralString

import click
import msgspec
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

ACTION_BY_ID: LiteralString = """
SELECT action_id, at, operator, command, filter, pushes, reason, ended_at FROM airudder.actions
WHERE action_id = %(action_id)s
"""

NEWEST_ACTIONS: LiteralString = """
SELECT action_id, at, operator, command, filter, pushes, reason, ended_at
FROM (SELECT * FROM airudder.actions WHERE action_id < %(before)s ORDER BY action_id DESC LIMIT %(looked_at)s) AS newest
WHERE (%(operator)s::text IS NULL OR operator = %(operator)s) AND (%(command)s::text IS NULL OR command = %(command)s)
ORDER BY action_id DESC LIMIT %(limit)s
"""

END_OF_LOOK: LiteralString = """
SELECT action_id FROM airudder.actions WHERE action_id < %(before)s
ORDER BY action_id DESC OFFSET %(looked_at)s - 1 LIMIT 1
"""

OPERATORS_AND_COMMANDS: LiteralString = """
SELECT DISTINCT operator, command
FROM (SELECT operator, command FROM airudder.actions ORDER BY action_id DESC LIMIT %(looked_at)s) AS newest
"""

END_ACTION: LiteralString = "UPDATE airudder.actions SET ended_at = now() WHERE action_id = %(action_id)s"

LOOKED_AT = 10_000
"""Actions that are looked at for one page of those of an operator or command"""
_NEWEST = 2**63 - 1

_Connection = Connection[queries.Row]


class OperatorAction(msgspec.Struct, frozen=True):
    """One thing that an operator did. `filter`: what it was done to, as JSON's values. `pushes`: how many it has
    changed so far, None where it is about none. `ended_at`: None while it is under way, or if it was interrupted."""

    action_id: int
    at: datetime
    operator: str
    command: str
    filter: dict[str, Any]
    pushes: int | None
    reason: str | None
    ended_at: datetime | None


class ActionsFound(msgspec.Struct, frozen=True):
    """Actions, the newest first. `before`: where to look for older ones, None if there are none. `operators` and
    `commands`: the names that there are among the newest."""

    actions: list[OperatorAction]
    before: int | None
    operators: list[str]
    commands: list[str]


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


def find_action(connection: _Connection, action_id: int) -> OperatorAction | None:
    """One action; None if there is none of this id."""
    row = connection.execute(ACTION_BY_ID, {"action_id": action_id}).fetchone()
    return OperatorAction(**row) if row else None


def newest_actions(
    connection: _Connection,
    limit: int,
    operator: str | None = None,
    command: str | None = None,
    before: int | None = None,
) -> ActionsFound:
    """At most so many of the newest actions before one, of an operator or command, or of all. Of a rare one there may
    be fewer than there are: LOOKED_AT are looked at."""
    where = {"before": before or _NEWEST, "limit": limit, "looked_at": LOOKED_AT}
    chosen = {**where, "operator": operator, "command": command}
    found = [OperatorAction(**row) for row in connection.execute(NEWEST_ACTIONS, chosen)]
    end = connection.execute(END_OF_LOOK, where).fetchone()
    names = connection.execute(OPERATORS_AND_COMMANDS, where).fetchall()
    older = found[-1].action_id if len(found) == limit else end["action_id"] if end else None
    operators, commands = (sorted({row[name] for row in names}) for name in ("operator", "command"))
    return ActionsFound(found, older, operators, commands)


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
