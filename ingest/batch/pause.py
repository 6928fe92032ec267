"""A pause: workers take no batch, and the sweeper settles nothing. Web goes on acknowledging, and batches wait.

RQ's own workers look for RQ's key; ours beside it says who paused them and why.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from redis import Redis
from rq.suspension import WORKERS_SUSPENDED

from ingest.batch import keys

SUSPENDED = WORKERS_SUSPENDED
"""RQ's key: while it is there, RQ's workers take no job"""


class Pause(msgspec.Struct, frozen=True, omit_defaults=True):
    """One pause; empty but for what RQ knows if RQ's own command made it."""

    by: str | None = None
    since: datetime | None = None
    reason: str | None = None
    until: datetime | None = None
    """When it ends by itself; None: when somebody ends it"""

    @property
    def words(self) -> str:
        """The pause in words, for operators."""
        known = [f"by {self.by}" if self.by else "", f"since {_time(self.since)}" if self.since else ""]
        known += [f"until {_time(self.until)}" if self.until else "", f"({self.reason})" if self.reason else ""]
        return " ".join(["workers are paused", *filter(None, known)])


def pause(client: Redis, one: Pause) -> None:
    """Begin a pause, or put this one in place of one that lasts."""
    left = None if one.until is None else max(1, round((one.until - datetime.now(UTC)).total_seconds() * 1000))
    with client.pipeline(transaction=True) as pipeline:
        pipeline.set(SUSPENDED, 1, px=left)
        pipeline.set(keys.PAUSE, msgspec.json.encode(one), px=left)
        pipeline.execute()


def resume(client: Redis) -> Pause | None:
    """End a pause; the one that has ended, or None if there was none."""
    ended = find_pause(client)
    client.delete(SUSPENDED, keys.PAUSE)
    return ended


def find_pause(client: Redis) -> Pause | None:
    """The pause that lasts, if there is one."""
    found: Any = client.mget(SUSPENDED, keys.PAUSE)
    suspended, told = found
    if suspended is None:
        return None
    return msgspec.json.decode(told, type=Pause) if told else Pause()


def _time(moment: Any) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
