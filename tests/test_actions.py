"""What operators did, the newest first: by whom, by which command, page by page."""

from __future__ import annotations

from typing import Any, LiteralString

import pytest
from psycopg import Connection

from ops.repair import actions
from ops.repair.actions import ActionsFound, begin_action, newest_actions

Rows = Connection[dict[str, Any]]

DONE = [("budi", "replay"), ("siti", "pause"), ("budi", "pause"), ("siti", "replay"), ("budi", "replay")]


@pytest.fixture
def done(connection: Rows) -> list[int]:
    """The ids of what two operators did, the oldest first."""
    return [begin_action(connection, operator, command, {}) for operator, command in DONE]


def ids(found: ActionsFound) -> list[int]:
    """Of the actions that were found."""
    return [one.action_id for one in found.actions]


def test_page_by_page(connection: Rows, done: list[int]) -> None:
    """Each page says where the next one begins, and all are seen once."""
    first = newest_actions(connection, 2)
    second = newest_actions(connection, 2, before=first.before)
    third = newest_actions(connection, 2, before=second.before)

    assert ids(first) + ids(second) + ids(third) == done[::-1]
    assert third.before is None
    assert (first.operators, first.commands) == (["budi", "siti"], ["pause", "replay"])


def test_of_an_operator_or_command(connection: Rows, done: list[int]) -> None:
    """Both hold, where both are given."""
    assert ids(newest_actions(connection, 9, operator="siti")) == [done[3], done[1]]
    assert ids(newest_actions(connection, 9, command="replay")) == [done[4], done[3], done[0]]
    assert ids(newest_actions(connection, 9, operator="budi", command="pause")) == [done[2]]


def test_rare_one_is_reached(connection: Rows, done: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A page looks at so many, and says where to look on."""
    monkeypatch.setattr(actions, "LOOKED_AT", 2)

    first = newest_actions(connection, 9, command="pause")
    second = newest_actions(connection, 9, command="pause", before=first.before)
    third = newest_actions(connection, 9, command="pause", before=second.before)

    assert (ids(first), ids(second), ids(third)) == ([], [done[2], done[1]], [])
    assert third.before is None


_MANY: LiteralString = """
INSERT INTO airudder.actions (operator, command) SELECT 'operator ' || n % 7, 'command ' || n % 11
FROM generate_series(1, 20000) AS n
"""


@pytest.mark.parametrize("statement", [actions.NEWEST_ACTIONS, actions.END_OF_LOOK, actions.OPERATORS_AND_COMMANDS])
def test_newest_are_found_by_index(connection: Rows, statement: LiteralString) -> None:
    """Of however many there are, so many are looked at."""
    connection.execute(_MANY)
    connection.execute("ANALYZE airudder.actions")
    where = {"before": 2**63 - 1, "limit": 50, "looked_at": 100, "operator": "nobody", "command": None}

    plan = connection.execute(f"EXPLAIN (ANALYZE, TIMING OFF) {statement}".encode(), where).fetchall()

    scans = [line for row in plan if " on actions " in (line := row["QUERY PLAN"])]
    assert scans
    assert all("Index" in scan and "rows=100" in scan.partition("(actual")[2] for scan in scans)


def test_nothing_was_done(connection: Rows) -> None:
    """In a new house."""
    assert newest_actions(connection, 9) == ActionsFound([], None, [], [])
