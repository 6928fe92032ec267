"""Nodes of a workflow as a funnel: how many of a day's calls and cases have passed each, in the order of passing.

No row says it of a whole day at once, so some of the day's newest calls are followed. Nodes have sent pushes and
attributes of them, and AI Rudder tells a list of nodes when it is done with a person.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta, tzinfo
from typing import Any

import msgspec

from ingest.settings import Settings
from ops import queries
from ops.campaigns import statements
from ops.campaigns.bound import bounded
from ops.campaigns.day import MOST_CALLS, Workflow
from ops.days import day_in
from ops.queries import Row

MOST_LOOKED_AT = 50_000
"""Of the day's newest calls, of all workflows: among them those of the workflow are looked for"""
MOST_FOLLOWED = 2_000
"""Calls of the workflow"""
_UNNAMED = {"name": None, "node_type": None}
_TOLD_WITHIN = timedelta(days=1)
"""After the day, a push about one of its calls"""


class Node(msgspec.Struct, frozen=True):
    """A node. Counts are None where no push of that kind names it."""

    node_id: str
    name: str | None
    node_type: str | None
    calls: int | None = None
    """Calls of which it has sent a push"""
    cases: int | None = None
    """Cases that these are about, or persons where no case is named"""
    listed: int | None = None
    """Persons whose list of passed nodes has it"""
    completed: int | None = None
    """Numbers of the day that AI Rudder is done with, of the newest MOST_CALLS"""
    completed_reached: int | None = None
    """Those of them whose status is finished"""


class Funnel(msgspec.Struct, frozen=True):
    """The nodes, in the order in which they are passed; the figures are of so many calls and lists."""

    nodes: list[Node]
    of_calls: int
    of_listed: int


def funnel_of(settings: Settings, workflow: Workflow, zone: tzinfo, day: date) -> Funnel:
    """The nodes that some of the newest calls of a zone's day have passed."""
    source, workflow_id = workflow
    of: dict[str, Any] = {"source": source, "workflow_id": workflow_id, "some": MOST_FOLLOWED}
    with queries.connect(settings) as connection:
        whole = day_in(zone, day)
        period, _ = bounded(connection, whole, MOST_LOOKED_AT)
        where = {**of, **period._asdict(), "told_until": period.until + _TOLD_WITHIN}
        of_calls = connection.execute(statements.NODES_OF_CALLS, where).fetchall()
        of_lists = connection.execute(statements.NODES_OF_LISTS, where).fetchall()
        counted, _ = bounded(connection, whole, MOST_CALLS)
        completed = [
            row
            for row in connection.execute(statements.COMPLETED_OF_DAY, counted._asdict())
            if (row["source"], row["workflow_id"]) == workflow and row["nodetask_id"]
        ]
        counts, places = _counted(of_calls, of_lists, completed)
        names = {
            row["node_id"]: row for row in connection.execute(statements.NODE_NAMES, {**of, "node_ids": [*counts]})
        }
    order = sorted(counts, key=lambda one: (places.get(one, float("inf")), one))
    nodes = [_node(node_id, names.get(node_id, _UNNAMED), counts[node_id]) for node_id in order]
    return Funnel(nodes, _of(of_calls, "of_calls"), _of(of_lists, "of_listed"))


def _node(node_id: str, named: Row, counts: Row) -> Node:
    return Node(node_id, named["name"], named["node_type"], **counts)


def _counted(
    of_calls: list[Row], of_lists: list[Row], completed: list[Row]
) -> tuple[dict[str, dict[str, int]], dict[str, float]]:
    """The counts of each node, and its place: as lists have it, and of a node that is in none as its pushes came."""
    counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    places: dict[str, float] = {}
    for row in of_calls:
        counts[row["node_id"]] |= {"calls": row["calls"], "cases": row["cases"]}
        places[row["node_id"]] = row["place"]
    for row in of_lists:
        counts[row["node_id"]] |= {"listed": row["listed"]}
        places[row["node_id"]] = row["place"]
    for row in completed:
        counts[row["nodetask_id"]] |= {"completed": row["numbers"], "completed_reached": row["reached"]}
    return counts, places


def _of(rows: list[Row], name: str) -> int:
    return int(rows[0][name]) if rows else 0
