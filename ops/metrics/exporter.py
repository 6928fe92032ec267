"""The exporter: reads both stores every few seconds, so that a scrape reads nothing, however often it is asked.

A store that does not answer takes its own metrics away, and no others. Prometheus then sees no value instead of an old
one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from redis import Redis
from redis.exceptions import RedisError

from ingest.errors import IngestError, describe
from ingest.settings import Settings
from ops import in_flight, probes, queries
from ops.metrics import in_postgres, in_redis
from ops.metrics.families import FAMILIES, Reading, Samples, Type, metric
from ops.metrics.settled import LogReader

EVERY_SECONDS = 5.0
SLOW_SECONDS = 30.0
"""How often is read what changes slowly, or costs more; and how often a write is tried"""
ANSWER_SECONDS = 5.0
"""How long Postgres may take for all that is asked at once"""

_log = logging.getLogger("metrics")


class Exporter(Collector):
    """Keeps the last answers of both stores; `run` asks them."""

    def __init__(self, current: Settings) -> None:
        self._current = current
        self._settled = LogReader()
        self._slow = {"redis": _Slow(), "postgres": _Slow()}
        self._readings: dict[str, Reading] = {}
        self._problems: dict[str, str] = {}
        self._risen = _Risen()

    def collect(self) -> Iterator[Metric]:
        """Give every family that has samples."""
        together: dict[str, Samples] = {}
        for reading in list(self._readings.values()):
            for name, samples in reading.items():
                together.setdefault(name, {}).update(samples)
        for name, samples in together.items():
            if FAMILIES[name].type is Type.COUNTER:
                together[name] = self._risen.since_before(name, samples)
        return (metric(name, together[name]) for name in FAMILIES if name in together)

    def run(self) -> None:
        """Read again and again, until the process ends."""
        while True:
            self.read()
            time.sleep(EVERY_SECONDS)

    def read(self) -> None:
        """Read once."""
        for name, read in (("redis", self._read_redis), ("postgres", self._read_postgres)):
            try:
                reading = read()
            except Exception as error:  # of any kind: the other store is read all the same
                self._slow[name].forget()
                self._readings[name] = {"ingest_store_writable": {(name,): 0}}
                self._tell(name, str(error) if isinstance(error, IngestError) else describe(error))
            else:
                self._readings[name] = {**reading, "ingest_metrics_read_timestamp_seconds": {(name,): time.time()}}
                self._tell(name, "")

    def _read_redis(self) -> Reading:
        with in_flight.connect(self._current) as client:

            def write() -> Reading:
                return {"ingest_store_writable": {("redis",): _takes_pushes(client)}}

            return in_redis.read(client) | self._slow["redis"].read(write)

    def _read_postgres(self) -> Reading:
        with queries.connect(self._current) as connection, queries.ended_after(connection, ANSWER_SECONDS):

            def read_and_write() -> Reading:
                reading = in_postgres.read(connection)
                is_writable = probes.put_in_postgres(connection) is None
                return reading | {"ingest_store_writable": {("postgres",): is_writable}}

            return self._settled.read(connection) | self._slow["postgres"].read(read_and_write)

    def _tell(self, name: str, problem: str) -> None:
        """Log what is wrong, when it is news."""
        if problem and not self._problems.get(name):
            _log.warning("no metrics of %s: %s", name, problem)
        self._problems[name] = problem


class _Risen:
    """Shows a new series of a counter as 0 once. Prometheus takes what it sees first for no rise, and would miss the
    first burst of a refusal."""

    def __init__(self) -> None:
        self._shown: dict[str, set[tuple[str, ...]]] = {}

    def since_before(self, name: str, samples: Samples) -> Samples:
        # All that is there when the exporter begins has risen before.
        shown = self._shown.setdefault(name, set(samples))
        new = samples.keys() - shown
        shown |= new
        return {labels: 0 if labels in new else value for labels, value in samples.items()}


class _Slow:
    """A part of a reading that is read less often."""

    def __init__(self) -> None:
        self._reading: Reading = {}
        self._due_at = 0.0

    def read(self, read: Callable[[], Reading]) -> Reading:
        if time.monotonic() >= self._due_at:
            self._reading = read()
            self._due_at = time.monotonic() + SLOW_SECONDS
        return self._reading

    def forget(self) -> None:
        self._due_at = 0.0


def _takes_pushes(client: Redis) -> bool:
    try:
        probes.put_in_redis(client)
    except RedisError:
        return False
    return True
