"""Push ids."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from uuid import UUID

import pytest

from ingest.entry import Entry, decode_entry, encode_entry
from ingest.push_ids import PushIds, received_at_of


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


def test_clock_may_go_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids go on rising when the clock is set back."""
    ids = PushIds()
    first = ids.draw()
    an_hour_ago = time.time_ns() - 3600 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: an_hour_ago)

    assert ids.draw() > first


def test_processes_differ() -> None:
    """Two processes that draw at the same moment draw different ids."""
    assert PushIds().draw()[0][-8:] != PushIds().draw()[0][-8:]


def test_entry_survives_redis() -> None:
    """An entry comes back from its wire form as it was, body byte for byte."""
    push_id, received_us = PushIds().draw()
    one = Entry(push_id, received_us, "lender-a", "custom-api", bytes(range(256)))

    assert decode_entry(encode_entry(one)) == one
