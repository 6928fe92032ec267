"""The Notification of Workflow Status Change: how a workflow is, and each node's task in it.

A push tells the newest status of the workflow and of its node tasks, and is a row of the history by itself: nothing in
it says when the change was, so the history is in the order in which pushes came.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from ingest.kinds.kind import Ids, Kind, Origin
from ingest.kinds.node_tasks import NodeTask, node_task_rows, node_tasks_as_json, read_node_tasks
from ingest.kinds.reading import texts, values
from ingest.kinds.reading.warn import Warnings
from ingest.kinds.story import Story
from ingest.tables.rows import Row, WorkflowRow, WorkflowStatusRow

_SIMULATED_STATUSES = ("running", "paused", "finished")
"""The vendor's own words are not documented"""


class WorkflowStatusPush(Struct):
    """The body of the push."""

    workflow_id: str | None = None
    workflow_name: str | None = None
    status: str | None = None
    actions: list[NodeTask] | None = None


def ids(push: WorkflowStatusPush, warnings: Warnings) -> Ids:
    """What a push is about."""
    return Ids(workflow_id=values.identifier(push.workflow_id, "$.workflow_id", warnings))


def rows(push: WorkflowStatusPush, origin: Origin) -> Iterator[Row | None]:
    """What a push tells of each thing."""
    workflow_id, source, (_, push_id) = origin.ids.workflow_id, origin.source, origin.version
    if not workflow_id:
        return
    tasks = read_node_tasks(push.actions, "$.actions", origin)
    status, told = texts.word(push.status), node_tasks_as_json(tasks)
    yield WorkflowRow(*origin.version, source, workflow_id, texts.free_text(push.workflow_name), status)
    yield from node_task_rows(tasks, workflow_id, origin)
    if status or told:
        yield WorkflowStatusRow(*origin.version, source, workflow_id, push_id, status, told)


def simulate(story: Story, chance: random.Random) -> dict[str, Any]:
    """The push of a story: its node's task makes the call, and may have come to its end."""
    status = chance.choice(_SIMULATED_STATUSES)
    action = {
        "nodetask_id": story.node_id,
        "nodetask_name": story.node_name,
        "node_type": "call",
        "task_id": story.call.task_id,
        "task_status": status,
    }
    return {
        "workflow_id": story.workflow_id,
        "workflow_name": story.workflow_name,
        "status": status,
        "actions": [action],
    }


KIND = Kind("workflow-status", WorkflowStatusPush, ids, rows, simulate)
