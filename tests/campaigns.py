"""Pushes of a campaign for tests: calls at the times and with the ends that a test wants."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from ingest.batch.entry import Entry
from tests.pushes import entry, push, received_at

NUMBER, OTHER = "+6281234567890", "+6281111111111"
MORNING = "2026-11-24T09:01:52Z"


def call_of(
    call_id: str = "c1", started: str | None = MORNING, seconds: int = 60, *, said: tuple[str, ...] = (), **top: Any
) -> dict[str, Any]:
    """A push about a call that began then and took so long; the callee said these words, "" for nothing. Fields whose
    names begin with `call_` are the call's without that, others are the push's."""
    body = push(call_id, **{name: value for name, value in top.items() if not name.startswith("call_")})
    end = datetime.fromisoformat(started) + timedelta(seconds=seconds) if started else None
    body["call"] |= {
        "call_start_time": started,
        "call_end_time": end and end.isoformat(),
        "asr_result": [{"time": "00:00:01", "robottext": "Good day", "text": text} for text in said],
        **{name.removeprefix("call_"): value for name, value in top.items() if name.startswith("call_")},
    }
    return body


def soon(content: dict[str, Any], at: str = MORNING, source: str = "shop", kind: str = "custom-api") -> Entry:
    """What web makes of a body that comes ten minutes after a moment."""
    came = datetime.fromisoformat(at) + timedelta(minutes=10)
    one = msgspec.structs.replace(entry(content, source), kind=kind)
    return received_at(one, int(came.timestamp() * 1_000_000) + one.received_us % 1_000_000)
