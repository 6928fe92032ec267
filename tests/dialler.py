"""Pushes of a dialler for tests."""

from __future__ import annotations

from typing import Any

import msgspec

from ingest.batch.entry import Entry
from tests.pushes import entry

NUMBER, OTHER = "+6281234567890", "+6281111111111"
NOON_MS = 1_764_417_600_000
"""2025-11-29T12:00:00Z"""


def said(kind: str, **body: Any) -> dict[str, Any]:
    """A push of a type; what its body is silent about is not in it."""
    return {"type": kind, "body": body}


def contact(state: str, seconds: float = 0, **body: Any) -> dict[str, Any]:
    """What is told of a contact so many seconds after noon."""
    common = {"taskId": "t1", "callid": "c1", "phoneNumber": NUMBER, "timestamp": NOON_MS + round(seconds * 1000)}
    return said("ContactStatus", state=state, **common | body)


def agent(state: str, seconds: float = 0, **body: Any) -> dict[str, Any]:
    """What is told of an agent so many seconds after noon."""
    return said("AgentStatus", State=state, timestamp=str(NOON_MS + round(seconds * 1000)), agentName="rina", **body)


def dialler_entry(content: Any, source: str = "default") -> Entry:
    """What web makes of a body."""
    return msgspec.structs.replace(entry(content, source), kind="dialer")
