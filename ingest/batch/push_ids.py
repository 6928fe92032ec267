"""Push ids: UUIDv7 (RFC 9562) that rise within a process. Each holds its microsecond, and so leads to a partition."""

from __future__ import annotations

import random
import secrets
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

UUID_VERSION = 7
RANDOM_BITS = 62
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_AHEAD_US = 1_000_000
"""How far ids may run ahead of the clock, so that they go on rising. A clock that is corrected in steps goes back by
less. One that goes back by more was wrong before, and ids follow it."""


class PushIds:
    """Draws ids for one process. The random part need not be secret, only differ between processes.

    Ids rise, unless the clock goes back by more than MAX_AHEAD_US. Then only 62 random bits tell the ids of a repeated
    microsecond apart, as they do for ids of two processes.
    """

    def __init__(self) -> None:
        self._last_us = 0
        self._random_bits = random.Random(secrets.randbits(128)).getrandbits  # noqa: S311 - see the class docstring

    def draw(self) -> tuple[bytes, int]:
        """A new id (16 bytes) and the microsecond since the epoch that is in it."""
        now_us = time.time_ns() // 1000
        if now_us <= self._last_us <= now_us + MAX_AHEAD_US:
            now_us = self._last_us + 1
        self._last_us = now_us
        return id_of(now_us, self._random_bits(RANDOM_BITS)), now_us


def id_of(microsecond: int, bits: int) -> bytes:
    """The 16 bytes of an id: a microsecond since the epoch, and RANDOM_BITS that tell it from others of that one."""
    milliseconds, microseconds = divmod(microsecond, 1000)
    number = milliseconds << 80 | UUID_VERSION << 76 | microseconds << 64 | 0b10 << 62 | bits
    return number.to_bytes(16)


def microsecond_of(moment: datetime) -> int:
    """The microsecond since the epoch of a moment, which an id can hold."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def received_at_of(push_id: UUID) -> datetime | None:
    """The moment that is in an id, UTC; None if the id is no push's, nor that of anything before the year 10000."""
    if push_id.version != UUID_VERSION:
        return None
    milliseconds, microseconds = push_id.int >> 80, push_id.int >> 64 & 0xFFF
    with suppress(OverflowError):
        return _EPOCH + timedelta(milliseconds=milliseconds, microseconds=microseconds)
    return None
