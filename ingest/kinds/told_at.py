"""Told at: versions of rows by the vendor's own time. What the vendor said later is newer, whenever it arrived.

Such a version is a function of the push's bytes: every delivery of them has the same one, so that rows end alike in
whatever order pushes and their retries are settled. It is no push's id; the digest of the bytes leads to the pushes.

What was said of the future has the version of the push instead. A retry comes later, when the same may be believable:
what it told is told by the first delivery after all once that is settled, see `workers.late`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from ingest.batch.push_ids import RANDOM_BITS, id_of, microsecond_of
from ingest.kinds.kind import Version

AHEAD = timedelta(hours=1)
"""How far the vendor's clock may be ahead of ours, beside the time that a push takes"""


def version_at(moment: datetime, digest: bytes, rank: int = 0) -> Version:
    """The version of what the vendor said at a moment, in a body of this digest. `rank`, 0 to 999: of what was said in
    the same millisecond the greater one is the newer. Without it the bytes decide: alike in any order, and no more."""
    told_at = moment + timedelta(microseconds=rank)
    return told_at, UUID(bytes=id_of(microsecond_of(told_at), _random_bits(digest)))


def is_believable(moment: datetime, received_at: datetime) -> bool:
    """Whether the vendor can have said by then that it was so. What a wrong clock says would be newer than all that is
    told after it."""
    return moment <= received_at + AHEAD


def bits_of(digest: bytes) -> str:
    """The last twelve characters of every version that is made of a body of this digest."""
    return f"{_random_bits(digest):012x}"[-12:]


def _random_bits(digest: bytes) -> int:
    return int.from_bytes(digest) >> (8 * len(digest) - RANDOM_BITS)
