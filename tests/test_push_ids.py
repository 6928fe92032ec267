"""Push ids."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from uuid import UUID

import pytest

from ingest.batch.entry import Entry
from ingest.batch.push_ids import MAX_AHEAD_US, PushIds, received_at_of


class Clock:
    """A clock that stands still unless it is set."""

    now_us = 1_780_000_000_000_000


def test_ids_are_uuid7_and_rise() -> None:
    """Ids are UUIDv7, all different, and rise in the order they are drawn."""
    ids = PushIds()
    drawn = [UUID(bytes=ids.draw()[0]) for _ in range(10_000)]

    assert {one.version for one in drawn} == {7}
    assert {one.variant for one in drawn} == {"specified in RFC 4122"}
    assert drawn == sorted(set(drawn))


def test_id_holds_its_time() -> None:
    """The moment of receipt comes back from the id, to the microsecond: it leads to the partition."""
    push_id, received_us = PushIds().draw()
    entry = Entry(push_id, received_us, "default", "custom-api", b"{}")

    assert received_at_of(entry.uuid) == entry.received_at
    assert abs((datetime.now(UTC) - entry.received_at).total_seconds()) < 5


@pytest.mark.parametrize("push_id", [UUID(int=0), UUID("ffffffff-ffff-7fff-bfff-ffffffffffff")])
def test_id_of_no_push(push_id: UUID) -> None:
    """An id that somebody has made up holds no moment, or none that a calendar has."""
    assert received_at_of(push_id) is None


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that ids are drawn by, to be set."""
    clock = Clock()
    monkeypatch.setattr(time, "time_ns", lambda: clock.now_us * 1000)
    return clock


@pytest.mark.parametrize("back_us", [1, 1000, MAX_AHEAD_US // 2, MAX_AHEAD_US - 100])
def test_clock_may_go_back_a_little(clock: Clock, back_us: int) -> None:
    """Ids go on rising by a microsecond while the clock, put right in a small step, catches up with them."""
    ids = PushIds()
    first = ids.draw()
    clock.now_us -= back_us
    drawn = [ids.draw() for _ in range(100)]

    assert [received_us for _, received_us in drawn] == [first[1] + number for number in range(1, 101)]
    assert drawn == sorted(drawn)


@pytest.mark.parametrize("back_s", [2, 3600, 365 * 86_400])
def test_clock_that_was_wrong_is_followed(clock: Clock, back_s: int) -> None:
    """A step forwards for a moment stamps what comes in that moment, and nothing after it."""
    ids = PushIds()
    before = ids.draw()
    clock.now_us += back_s * 1_000_000
    wrong = ids.draw()
    clock.now_us -= back_s * 1_000_000
    after = [ids.draw() for _ in range(100)]

    assert wrong[1] == before[1] + back_s * 1_000_000
    assert [received_us for _, received_us in after] == [before[1] + number for number in range(100)]


def test_ids_differ_when_the_clock_repeats_itself(clock: Clock) -> None:
    """An id of a microsecond that comes a second time is another one."""
    ids, drawn = PushIds(), []
    for _ in range(1000):
        drawn += [ids.draw()[0] for _ in range(3)]
        clock.now_us += 10 * MAX_AHEAD_US
        ids.draw()
        clock.now_us -= 10 * MAX_AHEAD_US

    assert len(set(drawn)) == 3000
    assert len({received_at_of(UUID(bytes=one)) for one in drawn}) < 10


def test_processes_differ() -> None:
    """Two processes that draw at the same moment draw different ids."""
    assert PushIds().draw()[0][-8:] != PushIds().draw()[0][-8:]
