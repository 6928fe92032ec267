"""The Custom API Data Push: one push for each node that a callee has left in a workflow."""

from __future__ import annotations

from ingest.kinds.custom_api.payload import CustomApiPush
from ingest.kinds.custom_api.rows import ids, rows, says_when
from ingest.kinds.custom_api.simulated import simulate
from ingest.kinds.kind import Kind

KIND = Kind("custom-api", CustomApiPush, ids, rows, simulate, says_when=says_when)
