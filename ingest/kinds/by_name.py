"""Kinds of which the vendor documents the name alone: kept raw, and indexed by whatever ids can be found in them.

Once a body is known its kind gets a module of its own, and `ingest replay --kind` normalises all that was kept.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from typing import Any

from ingest.kinds.kind import Ids, Kind, Origin
from ingest.kinds.reading import values
from ingest.kinds.reading.aliases import plain
from ingest.kinds.reading.decode import decode_within
from ingest.kinds.reading.free_json import id_text
from ingest.kinds.reading.phone_numbers import MIN_DIGITS, digits_of
from ingest.kinds.reading.warn import Warnings
from ingest.kinds.story import Story
from ingest.tables.rows import Row

_NAMES = {
    "workflow_id": ("workflowid",),
    "node_id": ("nodeid",),
    "task_id": ("taskid",),
    "callee_number": ("calleenumber", "callee", "mobile", "phonenumber"),
    "case_id": ("caseid",),
    "call_id": ("callid",),
}
"""How the documented kinds call these, whatever their case and underscores, the likelier first"""
_CALLERS = ("caller", "callernumber", "from")
_FIELDS = {name: (place, field) for field, names in _NAMES.items() for place, name in enumerate(names)}


def ids(push: dict[str, Any], warnings: Warnings) -> Ids:
    """The ids that stand nearest to the top. What only looks like one is no reason for a warning: nothing is lost."""
    found: dict[str, tuple[int, int, str]] = {}
    numbers, has_caller = set(), False
    for level, name, value in _walked(push):
        has_caller = has_caller or (plain(name) in _CALLERS and _may_be_somebody(value))
        place, field = _FIELDS.get(plain(name), (0, ""))
        if field and (text := id_text(value)) and (read := _read(field, text)):
            found[field] = min(found.get(field, (level, place, read)), (level, place, read))
            if field == "callee_number":
                numbers.add(read)
    # A push of several people, or of who called whom, is nobody's alone: each is found by the mention of their number.
    if has_caller or len(numbers) > 1:
        found.pop("callee_number", None)
    return Ids(**{field: read for field, (_, _, read) in found.items()})


def _may_be_somebody(value: Any) -> bool:
    """Whether a caller may be said: in whatever form, as nothing else leads from that person to the push."""
    if isinstance(value, str):
        return len(digits_of(value)) >= MIN_DIGITS
    return value not in (None, [], {})


def _walked(push: dict[str, Any]) -> Iterator[tuple[int, str, Any]]:
    """Every key and its value with the level that they are on, level by level; in texts that are JSON as well."""
    waiting: deque[tuple[int, Any]] = deque([(0, push)])
    while waiting:
        level, value = waiting.popleft()
        if isinstance(value, str):
            value = decode_within(value, dict) or decode_within(value, list)
        if isinstance(value, list):
            waiting.extend((level + 1, item) for item in value)
        elif isinstance(value, dict):
            for name, item in value.items():
                yield level, name, item
                waiting.append((level + 1, item))


def _read(field: str, text: str) -> str | None:
    unheard = Warnings(frozenset())
    read = values.callee_number if field == "callee_number" else values.identifier
    return read(text, "$", unheard)


def rows(push: dict[str, Any], origin: Origin) -> Iterator[Row | None]:
    """Nothing: what its fields mean is not known."""
    return iter(())


def simulate(story: Story, chance: random.Random) -> dict[str, Any]:
    """Something with ids in it, at some depth."""
    call = {"TaskID": story.call.task_id, "call_id": story.call.call_id, "Mobile": story.callee.number}
    return {"event": "simulated", "workflow_id": story.workflow_id, "data": [call] if chance.random() < 0.5 else call}


KIND: Kind[dict[str, Any]] = Kind("by name", None, ids, rows, simulate)
