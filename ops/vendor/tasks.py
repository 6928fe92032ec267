"""Tasks: each is asked for at the vendor, and held against our rows of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from psycopg import Connection

from ingest.errors import VendorError
from ingest.kinds.reading.identifiers import canonical_id
from ops import queries
from ops.days import Period
from ops.vendor.client import Vendor
from ops.vendor.comparison import SHIFTS, Compared, OurCall, compared
from ops.vendor.details import TaskDetail, read_detail

ON_ITS_WAY = timedelta(minutes=10)
"""After its end a call's push may still come: the vendor tries for five minutes."""


def tasks_of(connection: Connection[queries.Row], period: Period) -> list[str]:
    """The tasks of our calls that began in a period."""
    rows = connection.execute(queries.TASKS_OF_PERIOD, period._asdict()).fetchall()
    return [row["task_id"] for row in rows]


async def compare(
    vendor: Vendor,
    connection: Connection[queries.Row],
    task_ids: Sequence[str],
    period: Period | None,
    threshold: Decimal,
) -> list[Compared]:
    """Compare tasks, one after another; of a period only the calls that began in it. Raises VendorError."""
    found = []
    for task_id in task_ids:
        body = await vendor.detail(task_id)
        try:
            detail = read_detail(body, datetime.now(UTC) - ON_ITS_WAY)
        except VendorError as error:
            raise VendorError(f"{error} (task {task_id})") from None
        if period:
            detail.calls = [call for call in detail.calls if period.since <= call.started_at < period.until]
        found.append(compared(task_id, detail, _ours(connection, task_id, detail), threshold))
    return found


def _ours(connection: Connection[queries.Row], task_id: str, detail: TaskDetail) -> list[OurCall]:
    if not detail.calls:
        return []
    margin = timedelta(seconds=1 + max(SHIFTS))
    where = {
        "task_id": canonical_id(task_id),
        "since": detail.calls[0].started_at - margin,
        "until": detail.calls[-1].started_at + margin,
    }
    rows = connection.execute(queries.CALLS_OF_TASK, where).fetchall()
    return [OurCall(row["callee_number"], row["started_at"]) for row in rows]
