"""The wire form of a push between web and worker: one MessagePack array in a batch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Entry(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One push as it came, with what web knows about it."""

    push_id: bytes
    """UUIDv7, 16 bytes"""
    received_us: int
    """When it came, microseconds since the epoch"""
    source: str
    kind: str
    body: bytes
    """As it came; whether it can be read is decided by `decode`, which web and worker share"""

    @property
    def uuid(self) -> UUID:
        """The push id as tables and people know it."""
        return UUID(bytes=self.push_id)

    @property
    def received_at(self) -> datetime:
        """When it came, UTC, to the microsecond."""
        return _EPOCH + timedelta(microseconds=self.received_us)


encode_entry = msgspec.msgpack.Encoder().encode
decode_entry = msgspec.msgpack.Decoder(Entry).decode
