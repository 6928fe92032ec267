"""The Notification for Workflow List Completion: a workflow has come to its end with a person, and the nodes passed.

Nothing in it says when that was: it was shortly before the push came. Who is on the list again, and comes to the end
again, has one row, as the newest push tells it; the same bytes again after the vendor's retries are such a push.
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
from ingest.tables.rows import CalleeRow, CaseRow, ListCompletionRow, Row, WorkflowRow


class ListCompletedPush(Struct):
    """The body of the push."""

    workflow_id: str | None = None
    workflow_name: str | None = None
    case_id: str | None = None
    callee_number: str | None = None
    rows: list[NodeTask] | None = None
    """The nodes that the person has passed, in their order"""


def ids(push: ListCompletedPush, warnings: Warnings) -> Ids:
    """What a push is about."""
    return Ids(
        workflow_id=values.identifier(push.workflow_id, "$.workflow_id", warnings),
        callee_number=values.callee_number(push.callee_number, "$.callee_number", warnings),
        case_id=values.identifier(push.case_id, "$.case_id", warnings),
    )


def rows(push: ListCompletedPush, origin: Origin) -> Iterator[Row | None]:
    """What a push tells of each thing."""
    source, version, about = origin.source, origin.version, origin.ids
    nodes = read_node_tasks(push.rows, "$.rows", origin)
    if about.workflow_id:
        yield WorkflowRow(*version, source, about.workflow_id, texts.free_text(push.workflow_name))
        yield from node_task_rows(nodes, about.workflow_id, origin)
    else:
        origin.warnings.add("$.workflow_id", "missing: the workflow and its node tasks are not stored")
    number, case_id = about.callee_number, about.case_id or ""
    if not number:
        origin.warnings.add("$.callee_number", "missing: the completion is not stored")
        return
    yield CalleeRow(*version, source, number, push.callee_number, values.country_of(number))
    if case_id:
        yield CaseRow(*version, source, number, case_id)
    passed = node_tasks_as_json(nodes)
    count = len(nodes) if passed else None
    yield ListCompletionRow(*version, source, number, about.workflow_id or "", case_id, passed, count)


def simulate(story: Story, _chance: random.Random) -> dict[str, Any]:
    """The push of a story: its node's call was the only step."""
    passed = {
        "nodetask_id": story.node_id,
        "nodetask_name": story.node_name,
        "node_type": "call",
        "task_id": story.call.task_id,
    }
    return {
        "workflow_id": story.workflow_id,
        "workflow_name": story.workflow_name,
        "case_id": story.callee.case_id,
        "callee_number": story.callee.number,
        "rows": [passed],
    }


KIND = Kind("list-completed", ListCompletedPush, ids, rows, simulate)
