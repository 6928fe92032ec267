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
    numbers, is_of_another = set(), False
    for level, name, value in _walked(push):
        is_of_another = is_of_another or (plain(name) in _CALLERS and _may_be_somebody(value))
        place, field = _FIELDS.get(plain(name), (0, ""))
        read = _read(field, text) if field and (text := id_text(value)) else None
        if read:
            found[field] = min(found.get(field, (level, place, read)), (level, place, read))
        if field == "callee_number":
            numbers |= {read} if read else set()
            is_of_another = is_of_another or not (read or _is_nobody(value))
    # A push of several people, or of who called whom, is nobody's alone: each is found by the mention of their number.
    if is_of_another or len(numbers) > 1:
        found.pop("callee_number", None)
    return Ids(**{field: read for field, (_, _, read) in found.items()})


def _may_be_somebody(value: Any) -> bool:
    """Whether a caller may be said: in whatever form, as nothing else leads from that person to the push."""
    if isinstance(value, str):
        return len(digits_of(value)) >= MIN_DIGITS
    return value not in (None, [], {})


def _is_nobody(value: Any) -> bool:
    """Whether what stands for a callee, and is no number, names no other callee either. What is in it is walked; a
    masked number is told beside the whole one."""
    if isinstance(value, str):
        return len(digits_of(value)) < MIN_DIGITS or "*" in value or _within(value) is not None
    return isinstance(value, bool | dict | list) or value is None or abs(value) < 10 ** (MIN_DIGITS - 1)


def _within(text: str) -> Any:
    """The object or array that a text is the JSON of; None if it is of none."""
    return decode_within(text, dict | list) or None


def _walked(push: dict[str, Any]) -> Iterator[tuple[int, str, Any]]:
    """Every key and its value with the level that they are on, level by level; in texts that are JSON as well. What an
    array holds has the array's key."""
    waiting: deque[tuple[int, str, Any]] = deque([(0, "", push)])
    while waiting:
        level, key, value = waiting.popleft()
        if isinstance(value, str):
            value = _within(value)
        if isinstance(value, list):
            for item in value:
                if not isinstance(item, dict | list):
                    yield level, key, item
                waiting.append((level + 1, key, item))
        elif isinstance(value, dict):
            for name, item in value.items():
                yield level, name, item
                waiting.append((level + 1, name, item))


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
