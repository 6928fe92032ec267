"""Node tasks: the nodes of a workflow that a push of several kinds lists; their rows, and the list as it is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from ingest.kinds.kind import Origin
from ingest.kinds.reading import texts, values
from ingest.tables.json_text import Json
from ingest.tables.rows import NodeTaskRow


class NodeTask(msgspec.Struct, gc=False):
    """A node of a workflow, and the task that it has in it."""

    nodetask_id: str | None = None
    nodetask_name: str | None = None
    node_type: str | None = None
    task_id: str | None = None
    """Absent for nodes that call nobody"""
    task_status: str | None = None
    """Its values are not documented. A list of nodes that a callee has passed has none"""


class StoredNodeTask(msgspec.Struct, omit_defaults=True, gc=False):
    """One node task in a list that is a column; what is null is left out."""

    nodetask_id: str | None = None
    name: str | None = None
    node_type: str | None = None
    task_id: str | None = None
    task_status: str | None = None


_SAYS_NOTHING = StoredNodeTask()
_encode = msgspec.json.Encoder().encode


def read_node_tasks(sent: list[NodeTask] | None, path: str, origin: Origin) -> list[StoredNodeTask]:
    """The node tasks in the order of the list, with ids as tables have them; one without an id is warned of."""
    return [
        _read(one, f"{path}[{position}]", origin)
        for position, one in enumerate(values.bounded(sent or [], path, origin.warnings))
    ]


def _read(one: NodeTask, path: str, origin: Origin) -> StoredNodeTask:
    nodetask_id = values.identifier(one.nodetask_id, f"{path}.nodetask_id", origin.warnings)
    if not nodetask_id:
        origin.warnings.add(f"{path}.nodetask_id", "missing: the node task is stored in the list alone")
    return StoredNodeTask(
        nodetask_id,
        texts.free_text(one.nodetask_name),
        texts.word(one.node_type),
        values.identifier(one.task_id, f"{path}.task_id", origin.warnings),
        texts.word(one.task_status),
    )


def node_task_rows(tasks: Iterable[StoredNodeTask], workflow_id: str, origin: Origin) -> Iterator[NodeTaskRow]:
    """A row for each id, as there is one a push and key; of one that is listed twice the last counts that says
    something, column by column."""
    by_id: dict[str, StoredNodeTask] = {}
    for task in tasks:
        if task.nodetask_id:
            former = by_id.get(task.nodetask_id)
            by_id[task.nodetask_id] = _over(former, task) if former else task
    for nodetask_id, task in by_id.items():
        yield NodeTaskRow(
            *origin.version,
            origin.source,
            workflow_id,
            nodetask_id,
            task.name,
            task.node_type,
            task.task_id,
            task.task_status,
        )


def _over(former: StoredNodeTask, later: StoredNodeTask) -> StoredNodeTask:
    is_same_task = later.task_id in (None, former.task_id)
    return StoredNodeTask(
        later.nodetask_id,
        later.name or former.name,
        later.node_type or former.node_type,
        later.task_id or former.task_id,
        later.task_status or (former.task_status if is_same_task else None),
    )


def node_tasks_as_json(tasks: list[StoredNodeTask]) -> Json | None:
    """The list for a column; None where none of it says anything, as in an empty one."""
    return Json(_encode(tasks).decode()) if any(one != _SAYS_NOTHING for one in tasks) else None
