"""Told at: versions of rows by the vendor's own time. What the vendor said later is newer, whenever it arrived.

Such a version is a function of the push's bytes: every delivery of them has the same one, so that rows end alike in
whatever order pushes and their retries are settled. It is no push's id; the digest of the bytes leads to the pushes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from ingest.batch.push_ids import RANDOM_BITS, id_of, microsecond_of
from ingest.kinds.kind import Version


def version_at(moment: datetime, digest: bytes, rank: int = 0) -> Version:
    """The version of what the vendor said at a moment, in a body of this digest. `rank`, 0 to 999: of what was said in
    the same millisecond the greater one is the newer. Without it the bytes decide: alike in any order, and no more."""
    told_at = moment + timedelta(microseconds=rank)
    return told_at, UUID(bytes=id_of(microsecond_of(told_at), _random_bits(digest)))


def bits_of(digest: bytes) -> str:
    """The last twelve characters of every version that is made of a body of this digest."""
    return f"{_random_bits(digest):012x}"[-12:]


def _random_bits(digest: bytes) -> int:
    return int.from_bytes(digest) >> (8 * len(digest) - RANDOM_BITS)
