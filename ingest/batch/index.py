"""The index of batches: which are in flight, and since when by the clock of the web process that opened each.

Clocks of hosts differ a little, and Redis's is none of those: a few seconds of a batch's age say nothing.
"""

from __future__ import annotations

from typing import Any

from redis import Redis

from ingest.batch import keys


def batches_in_flight(client: Redis, opened_by: float | None = None) -> list[str]:
    """Their ids, the oldest first. `opened_by`, epoch seconds: those that were opened later are passed over."""
    return keys.decode_ids(client.zrangebyscore(keys.BATCHES, "-inf", "+inf" if opened_by is None else opened_by))


def forget_strange(client: Redis) -> int:
    """Remove members that are no text, and so no batch of ours, but would be the oldest for ever; return how many."""
    members: list[Any] = client.zrange(keys.BATCHES, 0, -1)
    strange = [member for member in members if not keys.decode_ids([member])]
    return int(client.zrem(keys.BATCHES, *strange)) if strange else 0


def oldest_opened_at(client: Redis) -> float | None:
    """When the oldest batch in flight was opened, epoch seconds; None if there is none."""
    oldest: list[Any] = client.zrange(keys.BATCHES, 0, 0, withscores=True)
    return float(oldest[0][1]) if oldest else None
