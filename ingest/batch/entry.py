"""The wire form of a push between web and worker: one MessagePack array in a batch."""

from __future__ import annotations

import functools
import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from ingest.batch.push_ids import microsecond_of

_ID_BYTES = 16
_HOUR_US = 3_600_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END_US = (datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


class Entry(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One push as it came, with what web knows about it."""

    push_id: bytes
    """UUIDv7, 16 bytes"""
    received_us: int
    """When it came, microseconds since the epoch"""
    source: str
    kind: str
    body: bytes
    """As it came; whether it can be read is decided by `judge` and `decode`, which refuse the same bodies"""
    signature: str | None = None
    """The header X-AIRudder-Sign. Last, as older processes write entries without it, and pass over it."""

    @property
    def size(self) -> int:
        """How many bytes it keeps of a request: a signature may have as many as headers have."""
        return len(self.body) + len(self.signature or "")

    @property
    def uuid(self) -> UUID:
        """The push id as tables and people know it."""
        # Several times faster than UUID(bytes=…), which thousands of pushes a second would feel.
        return msgspec.convert(self.push_id, UUID)

    @property
    def received_at(self) -> datetime:
        """When it came, UTC, to the microsecond."""
        return _EPOCH + timedelta(0, 0, self.received_us)

    @property
    def hour(self) -> str:
        """The hour in which it came, UTC, `2026-11-25T04`."""
        return _hour_of(self.received_us // _HOUR_US)


def body_digest(body: bytes) -> bytes:
    """What `pushes.body_digest` has of a body."""
    return hashlib.sha256(body).digest()


def stored_entry(
    push_id: UUID, received_at: datetime, source: str, kind: str, body: bytes, signature: str | None
) -> Entry:
    """A push as its row in Postgres has it."""
    return Entry(push_id.bytes, microsecond_of(received_at), source, kind, body, signature)


def pending_columns(entries: list[Entry]) -> tuple[list[object], ...]:
    """What is stored of pending pushes, an array a column: id, time, source, kind, body, signature."""
    return (
        [entry.uuid for entry in entries],
        [entry.received_at for entry in entries],
        [entry.source for entry in entries],
        [entry.kind for entry in entries],
        [entry.body for entry in entries],
        [entry.signature for entry in entries],
    )


def hour_name(moment: datetime) -> str:
    """The name of the hour of a moment in UTC, `2026-11-25T04`; names sort as hours do."""
    return moment.strftime("%Y-%m-%dT%H")


@functools.lru_cache(maxsize=64)
def _hour_of(hours: int) -> str:
    return hour_name(_EPOCH + timedelta(hours=hours))


encode_entry = msgspec.msgpack.Encoder().encode
decode_entry = msgspec.msgpack.Decoder(Entry).decode


def read_entry(encoded: bytes) -> Entry | None:
    """The push of an element of a batch; None if it is none of ours, as whoever may write to Redis can put there."""
    try:
        entry = decode_entry(encoded)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return entry if len(entry.push_id) == _ID_BYTES and 0 <= entry.received_us < _END_US else None
