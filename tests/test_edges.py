"""Hours and days that end: no test is in the midst of one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.clock import DAY_SECONDS, HOUR_SECONDS, seconds_to_the_edge


@pytest.mark.parametrize(
    ("time", "of_the_hour", "of_the_day"),
    [("23:59:30", 30, 30), ("22:59:30", 30, 0), ("00:00:00", 0, 0), ("23:30:00", 0, 0)],
)
def test_edge_is_waited_over(time: str, of_the_hour: int, of_the_day: int) -> None:
    """What begins in its last minute begins after it, and nothing waits at any other time."""
    now = datetime.fromisoformat(f"2026-11-28T{time}").replace(tzinfo=UTC).timestamp()

    assert (seconds_to_the_edge(now, HOUR_SECONDS), seconds_to_the_edge(now, DAY_SECONDS)) == (of_the_hour, of_the_day)
