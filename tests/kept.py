"""What web has left in Redis: the entries that it kept, and the refusals that it counted."""

from __future__ import annotations

from typing import Any

import msgspec

from ingest.batch import keys
from ingest.batch.entry import Entry, decode_entry
from ingest.web.refusals import Refusal


def kept(client: Any) -> list[Entry]:
    """Every entry in every open batch."""
    batch_ids = keys.decode_ids(client.zrange(keys.BATCHES, 0, -1))
    return [decode_entry(one) for batch_id in batch_ids for one in client.lrange(keys.batch(batch_id), 0, -1)]


def refused(client: Any, reason: str, source: str | None = "default") -> bool:
    """Whether one refusal of a source for this reason has been counted."""
    return int(client.hget(keys.REFUSED, keys.refused_field(reason, source)) or 0) == 1


def last_refusals(client: Any) -> list[Refusal]:
    """The refusals that are kept, the newest first."""
    return [msgspec.json.decode(one, type=Refusal) for one in client.lrange(keys.LAST_REFUSALS, 0, -1)]
