"""Push ids: UUIDv7 (RFC 9562) that rise within a process and carry their microsecond, so that an id leads to its
partition."""

from __future__ import annotations

import random
import secrets
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

UUID_VERSION = 7


class PushIds:
    """Draws ids for one process; the random part needs no secrecy, only to differ between processes."""

    def __init__(self) -> None:
        self._last_us = 0
        self._random_bits = random.Random(secrets.randbits(128)).getrandbits  # noqa: S311 - see the class docstring

    def draw(self) -> tuple[bytes, int]:
        """A new id (16 bytes) and the microsecond since the epoch that is in it; both rise with each call."""
        now_us = max(time.time_ns() // 1000, self._last_us + 1)
        self._last_us = now_us
        milliseconds, microseconds = divmod(now_us, 1000)
        number = milliseconds << 80 | UUID_VERSION << 76 | microseconds << 64 | 0b10 << 62 | self._random_bits(62)
        return number.to_bytes(16), now_us


def received_at_of(push_id: UUID) -> datetime | None:
    """The moment that `draw` put into an id, UTC; None if the id is no push's."""
    if push_id.version != UUID_VERSION:
        return None
    milliseconds, microseconds = push_id.int >> 80, push_id.int >> 64 & 0xFFF
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds, microseconds=microseconds)
