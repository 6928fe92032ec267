"""The exporter: reads both stores every few seconds, so that a scrape reads nothing, however often it is asked.

A store that does not answer takes its own metrics away, and no others. Prometheus then sees no value instead of an old
one. There stay the time when it was last read, and whether it takes pushes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ingest.errors import IngestError, describe
from ingest.settings import Settings
from ops import connecting, in_flight, probes, queries
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
        self._stores = (_redis(current), _postgres(current))
        self._risen = _Risen()

    def collect(self) -> Iterator[Metric]:
        """Give every family that has samples."""
        together: dict[str, Samples] = {}
        for store in self._stores:
            for name, samples in store.reading.items():
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
        for store in self._stores:
            store.read()


def _redis(current: Settings) -> _Store:
    def read() -> Reading:
        with in_flight.connect(current) as client:
            return in_redis.read(client)

    def takes_pushes() -> bool:
        try:
            with in_flight.connect(current) as client:
                probes.put_in_redis(client)
        except Exception:  # of any kind
            return False
        return True

    return _Store("redis", read, dict, takes_pushes)


def _postgres(current: Settings) -> _Store:
    settled = LogReader()

    def read() -> Reading:
        with queries.connect(current) as connection, connecting.ended_after(connection, ANSWER_SECONDS):
            return settled.read(connection)

    def read_slowly() -> Reading:
        with queries.connect(current) as connection, connecting.ended_after(connection, ANSWER_SECONDS):
            return in_postgres.read(connection)

    def takes_pushes() -> bool:
        try:
            with queries.connect(current) as connection:
                return probes.put_in_postgres(connection) is None
        except Exception:  # of any kind
            return False

    return _Store("postgres", read, read_slowly, takes_pushes)


class _Store:
    """The answers of one store, and whether it takes pushes. These are told apart: a question that is refused or takes
    too long does not keep a push out."""

    def __init__(
        self,
        name: str,
        read: Callable[[], Reading],
        read_slowly: Callable[[], Reading],
        takes_pushes: Callable[[], bool],
    ) -> None:
        self.reading: Reading = {}
        self._name = name
        self._read_fast = read
        self._slow = _Slow(read_slowly)
        self._probe = _Slow(lambda: {"ingest_store_writable": {(name,): takes_pushes()}})
        self._read_at = 0.0
        self._problem = ""

    def read(self) -> None:
        told: Reading = {}
        try:
            told = self._read_fast()
            told |= self._slow.read()
            if self._slow.is_read:
                self._read_at = time.time()
                self._tell("")
        except Exception as error:  # of any kind: the other store is read all the same
            if not told:  # not even that: what is known of the rest may be old
                self._slow.forget()
            self._probe.forget()  # pushes may be kept out as well, which is not to be known half a minute late
            self._tell(str(error) if isinstance(error, IngestError) else describe(error))
        read_at: Reading = {"ingest_metrics_read_timestamp_seconds": {(self._name,): self._read_at}}
        self.reading = told | self._probe.read() | read_at

    def _tell(self, problem: str) -> None:
        """Log what is wrong, when it is news."""
        if problem and not self._problem:
            _log.warning("no metrics of %s: %s", self._name, problem)
        self._problem = problem


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
    """A part of what a store tells that is read less often, also if it fails: nothing is shown of it until then."""

    def __init__(self, read: Callable[[], Reading]) -> None:
        self._read = read
        self._reading: Reading = {}
        self._due_at = 0.0
        self.is_read = False
        """Whether the last try succeeded"""

    def read(self) -> Reading:
        if time.monotonic() >= self._due_at:
            self.forget()
            self._due_at = time.monotonic() + SLOW_SECONDS
            self._reading, self.is_read = self._read(), True
        return self._reading

    def forget(self) -> None:
        """Show nothing of it, and read it at once."""
        self._reading, self.is_read, self._due_at = {}, False, 0.0
