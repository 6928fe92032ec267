"""Pushes for tests: a documented one, with what a test wants changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ingest.batch.entry import Entry
from ingest.batch.push_ids import PushIds
from ingest.kinds import kind_of
from ingest.kinds.kind import Ids
from ingest.kinds.normalise import normalise
from ingest.tables.rows import Normalised, PushRow
from tests.alarms import ring

IDS = PushIds()
DOCUMENTED = kind_of("custom-api").documented

SAMPLE = (Path(__file__).parent / "samples" / "custom-api.json").read_bytes()
"""The vendor's own example"""

_Row = TypeVar("_Row")


def push(call_id: str = "c1", number: str = "+6281234567890", turns: int = 2, **changes: Any) -> dict[str, Any]:
    """A small push as documented; `changes` replace its top-level fields."""
    return {
        "workflow_id": "w1",
        "workflow_name": "collections",
        "node_id": "n1",
        "node_name": "API1",
        "callee": {
            "case_id": "case-1",
            "callee_name": "Budi",
            "callee_number": number,
            "extra": [{"Question": "lang", "Content": "id"}],
            "due_date": "2026-12-01",
            "total_owing_amount": "20310.23",
        },
        "custom_attribute": {"a": "1"},
        "call": {
            "call_id": call_id,
            "call_start_time": "2026-11-24T09:01:52Z",
            "call_end_time": "2026-11-24T09:01:59Z",
            "call_times": 1,
            "ring_type": "normal",
            "hangup_type": "ByCallee",
            "asr_result": [
                {"time": f"00:00:{position:02}", "robottext": f"robot {position}", "text": f"callee {position}"}
                for position in range(turns)
            ],
        },
        **changes,
    }


def entry(content: Any, source: str = "default", later_us: int = 0) -> Entry:
    """What web makes of a body (bytes, or anything JSON): each is received after the one before, or `later_us` on."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    push_id, received_us = IDS.draw()
    return received_at(Entry(push_id, received_us, source, "custom-api", body), received_us + later_us)


def signed(one: Entry, signature: str = "s=c2lnbmVk") -> Entry:
    """The same push with a signature."""
    return msgspec.structs.replace(one, signature=signature)


def received_at(one: Entry, received_us: int) -> Entry:
    """The same push as if it had come at another microsecond, which its id says as well."""
    milliseconds, microseconds = divmod(received_us, 1000)
    rest = int.from_bytes(one.push_id) & ~(((1 << 48) - 1) << 80 | 0xFFF << 64)
    push_id = (milliseconds << 80 | microseconds << 64 | rest).to_bytes(16)
    return msgspec.structs.replace(one, push_id=push_id, received_us=received_us)


def row_of(one: Normalised, kind: type[_Row]) -> _Row:
    """What a push tells of one table's thing."""
    (row,) = (row for row in one.rows if isinstance(row, kind))
    return row


def ids_of(push: PushRow) -> Ids:
    """What a row of `pushes` is about"""
    return Ids(*(getattr(push, name) for name in Ids._fields))


def call_history() -> list[Entry]:
    """Five different pushes for one call and one case, each newer than the one before."""
    bodies = [
        push(turns=4),
        push(turns=2, workflow_name="renamed", node_id="n2"),
        push(turns=0, node_id="n3", custom_attribute={"c": 3}),
        push(turns=3, node_name="API2"),
        {"workflow_id": "w1", "workflow_name": "last", "call": {"call_id": "c1", "ring_type": "busy"}},
    ]
    bodies[1]["callee"]["extra"] = [{"Question": str(number), "Content": "x"} for number in range(3)]
    bodies[3]["callee"]["extra"] = []
    return [entry(body) for body in bodies]


def hang_on_poison(one: Entry) -> Normalised:
    """Normalise a push; one with poison in it hangs, so that its job's time is over in its midst."""
    if b"poison" in one.body:
        ring()
    return normalise(one)
