"""`qa-report`: what the vendor's quality product found in a task's calls. `Sign` holds no secret and proves nothing.

Nothing in a report says of when it is: one that comes again after another one is the newest.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from ingest.kinds.kind import Ids, Kind, Origin
from ingest.kinds.reading import values
from ingest.kinds.reading.free_json import json_of
from ingest.kinds.reading.warn import Warnings
from ingest.kinds.story import Story
from ingest.tables.rows import QaReportRow, Row


class QaPush(Struct, rename={"task_id": "TaskID", "details": "QADetail"}):
    """The report of one task; a detail is kept as it comes, as its numbers come as texts as well."""

    task_id: str | None = None
    details: list[dict[str, Any]] | None = None


def ids(push: QaPush, warnings: Warnings) -> Ids:
    """What a push is about."""
    return Ids(task_id=values.identifier(push.task_id, "$.TaskID", warnings))


def rows(push: QaPush, origin: Origin) -> Iterator[Row | None]:
    """What a push tells of each thing."""
    details = values.bounded(push.details or [], "$.QADetail", origin.warnings)
    told = json_of(details, "$.QADetail", origin.warnings)
    # A report that finds nothing is no newer version of one that did: erasing goes by the push that told of the row.
    if not (origin.ids.task_id and told):
        return
    yield QaReportRow(
        *origin.version,
        origin.source,
        origin.ids.task_id,
        details=told,
        detail_count=len(details),
    )


def simulate(story: Story, chance: random.Random) -> dict[str, Any]:
    """The report of a story's call."""
    sentences = [
        {
            "Channel": channel,
            "Begin": f"{int(turn.offset.total_seconds()) // 60:02}{turn.offset.seconds % 60:02}",
            "Sentence": said,
        }
        for turn in story.call.turns
        for channel, said in (("1", turn.robot), ("2", turn.callee))
    ]
    score = {"CheckPointType": "SOP", "Channel": "1", "Score": f"{chance.randrange(11)}/10"}
    detail = {"Length": len(sentences), "Words": "12", "AsrResults": sentences, "CheckPoint": [], "Scores": [score]}
    return {"TaskID": story.call.task_id, "Sign": "", "QADetail": [detail]}


KIND = Kind("qa-report", QaPush, ids, rows, simulate)
