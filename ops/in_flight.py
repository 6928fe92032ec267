"""The commands' view of Redis: what is in flight, who works, what was refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any
from uuid import UUID

import msgspec
from redis import Redis, exceptions
from redis.exceptions import RedisError
from rq import SimpleWorker
from rq.worker import BaseWorker

from ingest.batch import keys
from ingest.batch.clients import operators_client
from ingest.batch.entry import hour_name, read_entry
from ingest.batch.index import batches_in_flight, oldest_opened_at
from ingest.batch.lease import has_ended, leases
from ingest.batch.queue import WORKER_SILENCE_SECONDS, normalise_queue
from ingest.batch.redis_probe import told
from ingest.errors import RedisAwayError
from ingest.settings import Settings
from ingest.web.refusals import Refusal


@contextmanager
def connect(settings: Settings) -> Iterator[Redis]:
    """A client; RedisAwayError says why not, without the URL's password or a push."""
    try:
        with operators_client(settings.redis_url) as client:
            yield client
    except (RedisError, OSError) as error:
        raise RedisAwayError(f"Redis at REDIS_URL does not answer as it should: {_reason(error)}") from None


def _reason(error: RedisError | OSError) -> str:
    # redis-py quotes a command that was refused, and Redis may do so too: it holds a push, where one is removed.
    if isinstance(error, exceptions.ConnectionError | exceptions.TimeoutError | OSError):
        return str(error)
    code = told(error).partition(" ")[0]
    return f"{type(error).__name__} {code}" if code.isupper() else type(error).__name__


def time_of(client: Redis) -> datetime:
    """Redis's clock, UTC: whoever looks may be on a host whose clock is wrong.

    Hearts of workers, batches, refusals and chores have times of their own hosts all the same. `ingest doctor` and
    `/readyz` name a clock that differs.
    """
    told: Any = client.time()
    seconds, microseconds = told
    return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=microseconds)


def in_flight(client: Redis) -> dict[str, Any]:
    """Batches and pushes between web and Postgres, the age of the oldest batch in seconds, jobs and workers."""
    now = time_of(client)
    batch_ids = batches_in_flight(client)
    queue = normalise_queue(client)
    return {
        "batches": len(batch_ids),
        "pushes": _pushes(client, batch_ids),
        "oldest_seconds": _oldest_seconds(client, now),
        "jobs_queued": len(queue),
        "jobs_failed": queue.failed_job_registry.get_job_count(cleanup=False),
        "sweeper": bool(client.exists(keys.SWEEPER)),
        "workers": sum(_beats(one, now) and not ended for one, ended in _workers(client)),
    }


def living_workers(client: Redis) -> list[BaseWorker]:
    """RQ's workers of our queue that have not ended, as far as can be seen from here; also those that stand still."""
    now = time_of(client)
    return [one for one, ended in _workers(client) if ended is False or (ended is None and _beats(one, now))]


def refused(client: Redis) -> list[dict[str, Any]]:
    """How many requests were refused and not kept, by reason and source, since Redis was set up."""
    counts: dict[Any, Any] = client.hgetall(keys.REFUSED)
    found = []
    for field, count in sorted(counts.items()):
        reason, _, source = field.decode().partition("\t")
        found.append({"reason": reason, "source": source or None, "requests": int(count)})
    return found


def refused_by_minute(client: Redis, minutes: int) -> list[tuple[int, str, str | None, int]]:
    """How many requests were refused in each of the last minutes (since the epoch), by reason and source."""
    found = []
    for minute, field, requests in _counts_by_minute(client, minutes, keys.refused_in):
        reason, _, source = field.partition("\t")
        found.append((minute, reason, source or None, requests))
    return found


def wrong_secrets_by_minute(client: Redis, minutes: int) -> list[tuple[int, str, int]]:
    """How often each wrong secret that was right once came in each of the last minutes, by its fingerprint."""
    return list(_counts_by_minute(client, minutes, keys.wrong_secrets_in))


def _counts_by_minute(client: Redis, minutes: int, key: Callable[[int], str]) -> Iterator[tuple[int, str, int]]:
    last = int(time_of(client).timestamp() // 60)
    wanted = range(last - minutes + 1, last + 2)  # web's clock may be ahead
    with client.pipeline(transaction=False) as pipeline:
        for minute in wanted:
            pipeline.hgetall(key(minute))
        answers = pipeline.execute()
    for minute, counts in zip(wanted, answers, strict=True):
        for field, count in counts.items():
            yield minute, field.decode(), int(count)


def last_refused(client: Redis) -> list[Refusal]:
    """The last refusal for each reason and source."""
    kept: dict[Any, Any] = client.hgetall(keys.LAST_REFUSED)
    return [msgspec.json.decode(one, type=Refusal) for one in kept.values()]


def last_refusals(client: Redis) -> list[Refusal]:
    """The last requests that were refused, the newest first."""
    kept: list[Any] = client.lrange(keys.LAST_REFUSALS, 0, -1)
    return [msgspec.json.decode(one, type=Refusal) for one in kept]


def last_used(client: Redis) -> dict[str, datetime]:
    """When the secret of a fingerprint last came with a request."""
    return _times(client, keys.LAST_USED)


def last_pushes(client: Redis) -> dict[str, datetime]:
    """When the last push of a source was kept."""
    return _times(client, keys.LAST_PUSH)


def _times(client: Redis, key: str) -> dict[str, datetime]:
    kept: dict[Any, Any] = client.hgetall(key)
    return {field.decode(): datetime.fromtimestamp(float(at), UTC) for field, at in kept.items()}


def acknowledged(client: Redis) -> dict[tuple[str, str], int]:
    """How many pushes were stored in batches, by hour (UTC) and source, as Redis has counted them."""
    counts: dict[tuple[str, str], int] = {}
    for key in client.scan_iter(match=keys.acknowledged("*"), count=1000):
        hour = key.decode().removeprefix(keys.acknowledged(""))
        by_source: dict[Any, Any] = client.hgetall(key)
        counts |= {(hour, source.decode()): int(count) for source, count in by_source.items()}
    return counts


def missing(client: Redis) -> dict[tuple[str, str], int]:
    """How many pushes were acknowledged and are nowhere, by hour (UTC) and source, as the sweeper has found."""
    found: dict[Any, Any] = client.hgetall(keys.MISSING)
    places = {field.decode().partition("\t"): int(count) for field, count in found.items()}
    return {(hour, source): count for (hour, _, source), count in places.items()}


def acknowledged_of_last_day(client: Redis) -> dict[str, int]:
    """The same in the current hour and the 23 before it, by source."""
    now = time_of(client)
    with client.pipeline(transaction=False) as pipeline:
        for hours in range(24):
            pipeline.hgetall(keys.acknowledged(hour_name(now - timedelta(hours=hours))))
        counts: Counter[str] = Counter()
        for by_source in pipeline.execute():
            counts.update({source.decode(): int(count) for source, count in by_source.items()})
    return dict(counts)


def entries_in_flight(client: Redis) -> dict[UUID, tuple[str, str]]:
    """The pushes in all batches: by push id their hour (UTC) and source."""
    entries = (read_entry(encoded) for _, encoded in encoded_in_flight(client))
    return {entry.uuid: (entry.hour, entry.source) for entry in entries if entry}


def encoded_in_flight(
    client: Redis, *, newest_first: bool = False, opened_by: float | None = None
) -> Iterator[tuple[str, bytes]]:
    """The pushes in all batches as they are stored, each with its batch's id; one may come twice. `newest_first`: the
    batch that was opened last. `opened_by`, epoch seconds: batches that were opened later are passed over."""
    batch_ids = batches_in_flight(client, opened_by)
    for batch_id in reversed(batch_ids) if newest_first else batch_ids:
        # Open before taken: what is taken in between is seen twice, and not missed. A full Redis refuses MULTI.
        with client.pipeline(transaction=False) as pipeline:
            pipeline.lrange(keys.batch(batch_id), 0, -1)
            pipeline.lrange(keys.taken(batch_id), 0, -1)
            for encoded in chain.from_iterable(pipeline.execute()):
                yield batch_id, encoded


def remove_in_flight(client: Redis, encoded: Iterable[tuple[str, bytes]]) -> None:
    """Remove pushes from their batches, wherever a batch is by now."""
    with client.pipeline(transaction=False) as pipeline:
        for batch_id, one in encoded:
            # In this order, for the same reason.
            pipeline.lrem(keys.batch(batch_id), 0, one)  # type: ignore[arg-type]
            pipeline.lrem(keys.taken(batch_id), 0, one)  # type: ignore[arg-type]
        pipeline.execute()


def leased(client: Redis) -> list[str]:
    """The batches that a worker is at."""
    batch_ids = batches_in_flight(client)
    return [batch_id for batch_id, lease in leases(client, batch_ids) if lease is not None]


def are_in_hand(client: Redis, batch_ids: Collection[str]) -> bool:
    """Whether a worker is at one of the batches."""
    return bool(batch_ids) and client.exists(*map(keys.lease, batch_ids)) > 0


def _workers(client: Redis) -> Iterator[tuple[BaseWorker, bool | None]]:
    """RQ's workers of our queue, each with whether its process has ended; None if that cannot be seen from here."""
    # One that was killed stays registered until Redis forgets its key, and looks well for as long as a job may last.
    for worker in SimpleWorker.all(connection=client, queue=normalise_queue(client)):
        yield worker, has_ended(client, worker.key)


def _beats(worker: BaseWorker, now: datetime) -> bool:
    beat = worker.last_heartbeat
    return beat is not None and (now - beat).total_seconds() < WORKER_SILENCE_SECONDS


def _oldest_seconds(client: Redis, now: datetime) -> float:
    opened_at = oldest_opened_at(client)
    return 0.0 if opened_at is None else round(max(0.0, now.timestamp() - opened_at), 1)


def pushes_in_flight(client: Redis) -> int:
    """How many pushes are in all batches."""
    return _pushes(client, batches_in_flight(client))


def _pushes(client: Redis, batch_ids: list[str]) -> int:
    with client.pipeline(transaction=False) as pipeline:
        for batch_id in batch_ids:
            pipeline.llen(keys.batch(batch_id))
            pipeline.llen(keys.taken(batch_id))
        return sum(pipeline.execute())
