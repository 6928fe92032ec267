"""Every Redis key of ours: name, type, lifetime, who writes it and who removes it. RQ keeps its own under `rq:`.

Readers are named only where the key is made for them: people's commands, metrics and the console read most of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

BATCHES = "batches"
"""Sorted set of batch ids by the time they were opened (epoch seconds by web's clock), from opening until discarded. It
is the truth about what is in flight. Written by web; a batch is removed by its worker, or by sweeper where Redis is
full."""

REFUSED = "refused"
"""Hash of counts of what was refused and not kept, by `refused_field`. Written by web."""

REFUSED_MINUTE_TTL_SECONDS = 2 * 3600

LAST_REFUSED = "last_refused"
"""Hash of the last refusal of each field of `refused`, as JSON: a flood of one kind does not hide another. Written
by web."""

LAST_REFUSALS = "last_refusals"
"""List of the last refusals as JSON (`ingest.web.refusals.Refusal`), the newest first; for thirty days. Written by web.
"""
LAST_REFUSALS_KEPT = 100
UNREADABLE_TTL_SECONDS = 30 * 24 * 3600
LAST_REFUSALS_TTL_SECONDS = 30 * 24 * 3600

LAST_USED = "last_used"
"""Hash of when the secret of a fingerprint last came with a request, epoch seconds. Written by web about once a second;
read by web too, to which it tells which wrong secrets were right once."""

KEPT = "kept"
"""Hash of how many pushes were kept, by `kept_field`. Written by web about once a second, as are the next
three."""

KEEP_SECONDS = "keep_seconds"
"""Hash of how long it took to keep a push: counts by the place among KEEP_BOUNDS, and `microseconds`, which is the
sum."""
KEEP_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Seconds, the upper bounds of what is counted together; one more count is of what took longer"""

BREAKER = "breaker"
"""Hash: `opened`, how often web has turned from Redis to Postgres; `pushes`, how many pushes went there."""

LAST_PUSH = "last_push"
"""Hash of when the last push of each source was kept, epoch seconds by Redis's clock."""

WEB = "web"
"""Sorted set of web processes by when they last wrote, epoch seconds by Redis's clock; who is silent for a minute is
removed."""
WEB_TTL_SECONDS = 15

CHORES = "chores"
"""Hash of how the sweeper's chores are doing, by `chore_field`. Written by sweeper, and read by the next one, which
goes on from there."""

MISSING = "missing"
"""Hash of how many pushes were acknowledged and are nowhere, by `missing_field`; it expires. Written by sweeper.
"""

SWEEPER = "sweeper"
"""String that expires: while it is there, a sweeper works. Written by sweeper, to which Redis tells by it that it
is full."""

INSTALLATION = "installation"
"""String: which database the batches here are for, as `airudder.installation()` tells it. Written once by worker or
sweeper, whichever begins first; read by both at their start."""

PAUSE = "pause"
"""String, JSON (`ingest.batch.pause.Pause`): who paused the workers, since when and why; it expires with the pause.
Written by `ingest pause`, removed by `ingest resume`. RQ's workers look for RQ's own key beside it."""

ACKNOWLEDGED_TTL_SECONDS = 8 * 24 * 3600


def refused_field(reason: str, source: str | None) -> str:
    """The field of `refused` for a reason and the source whose credential the request brought, if any."""
    return f"{reason}\t{source}" if source else reason


def kept_field(source: str, kind: str, status: int) -> str:
    """The field of `kept` for a source, a kind and the HTTP status that was answered."""
    return f"{source}\t{kind}\t{status}"


def chore_field(chore: str, what: str) -> str:
    """The field of `chores` for a chore.

    `what`: `succeeded_at`, or `begun_at` of the sweeper that first knew it (both epoch seconds). Or `seconds`: its
    longest run of late, or the last one. Or `failures` since the sweeper began, or `every`: the seconds from a run
    without work to the next.
    """
    return f"{chore}\t{what}"


def missing_field(hour: str, source: str) -> str:
    """The field of `missing` for an hour, as in `acknowledged`, and a source."""
    return f"{hour}\t{source}"


def by_chore(told: Mapping[Any, Any]) -> dict[str, dict[str, float]]:
    """The hash `chores`, as our clients read it: of each chore its values by `what`."""
    found: dict[str, dict[str, float]] = {}
    for field, value in told.items():
        chore, _, what = field.decode().partition("\t")
        found.setdefault(chore, {})[what] = float(value)
    return found


def refused_in(minute: int) -> str:
    """Hash of the same counts in one minute (minutes since the epoch); for two hours. Written by web for
    `ingest status`, to which old refusals are no news."""
    return f"refused:{minute}"


def wrong_secrets_in(minute: int) -> str:
    """Hash of how often each wrong secret that was right once has come in one minute, by its fingerprint; for two
    hours. Written by web. A stranger's guess is in no `last_used`: no flood makes it grow."""
    return f"wrong_secrets:{minute}"


def web(process: str) -> str:
    """String that expires: how a web process is, as JSON (`ingest.web.counts.WebProcess`). Written by web."""
    return f"web:{process}"


def acknowledged(hour: str) -> str:
    """Hash of how many pushes of each source were stored in batches in one hour (UTC, `2026-11-25T04`); for eight days.
    Written by web in the step that stores them; held against the log of settlements by sweeper and `ingest reconcile`.
    """
    return f"acknowledged:{hour}"


def batch(batch_id: str) -> str:
    """List of entries of an open batch, until a worker takes it. Written by web; renamed by worker, and by sweeper
    where Redis is full. `ingest erase` removes entries; web looks here and in `taken` for what had no answer."""
    return f"batch:{batch_id}"


def taken(batch_id: str) -> str:
    """List of entries of a taken batch, until its transaction has committed. Made and deleted by worker, and by sweeper
    where Redis is full. `ingest erase` removes entries."""
    return f"taken:{batch_id}"


def unreadable(batch_id: str) -> str:
    """List of those elements of a batch that were no pushes, left when it was discarded; for thirty days. Made by
    worker, and by sweeper where Redis is full. A web process of another version may have acknowledged them."""
    return f"unreadable:{batch_id}"


def progress(batch_id: str) -> str:
    """Hash about a taken batch, kept as long as `taken`. Written and deleted by worker, for the one after it.

    `attempts`: how often the batch was taken. `in_hand`: the id of the push that is normalised alone just now.
    `suspect`: the one that was, when a worker died.
    """
    return f"progress:{batch_id}"


def lease(batch_id: str) -> str:
    """String that expires, `ingest.batch.lease.holder`: while it is there, that worker is at the batch. Written and
    deleted by worker, and deleted by a pool that sees that the worker has died."""
    return f"lease:{batch_id}"


def decode_ids(members: Iterable[Any]) -> list[str]:
    """Batch ids as text, but for what is no UTF-8, and so not of ours. Our clients get bytes, which redis-py's types do
    not say."""
    ids = []
    for member in members:
        with suppress(UnicodeDecodeError):
            ids.append(bytes(member).decode())
    return ids
