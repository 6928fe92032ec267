"""Every metric there is: its name, labels and meaning. Nothing personal is in any of them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric


class Type(StrEnum):
    """The types of Prometheus that we have."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Family(NamedTuple):
    """A metric, with a series for each value of its labels."""

    name: str
    type: Type
    labels: tuple[str, ...]
    help: str


class Histogram(NamedTuple):
    """Counts by the bounds that they lie between, the last one beyond all bounds; and the sum of what was counted."""

    bounds: Sequence[float]
    counts: Sequence[int]
    total: float


Value = float | Histogram
Samples = dict[tuple[str, ...], Value]
"""The value of each series, by its labels"""
Reading = dict[str, Samples]
"""Samples by the name of their family"""

_SECONDS_SINCE = "when, in seconds since 1970"

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        # Counted by web
        Family("ingest_pushes_kept_total", Type.COUNTER, ("source", "kind", "code"), "pushes kept, by the answer"),
        Family("ingest_requests_refused_total", Type.COUNTER, ("source", "reason"), "requests answered and not kept"),
        Family("ingest_keep_seconds", Type.HISTOGRAM, (), "from a request's admission until its push is on disk"),
        Family("ingest_source_last_push_timestamp_seconds", Type.GAUGE, ("source",), f"last push: {_SECONDS_SINCE}"),
        Family("ingest_breaker_opened_total", Type.COUNTER, (), "how often web turned from Redis to Postgres"),
        Family("ingest_breaker_pushes_total", Type.COUNTER, (), "pushes that went to Postgres for that"),
        Family("ingest_breakers_open", Type.GAUGE, (), "web processes whose pushes go to Postgres now"),
        Family("ingest_web_processes", Type.GAUGE, (), "web processes that live"),
        Family("ingest_web_connections", Type.GAUGE, (), "senders' connections to them"),
        # Settled by workers and sweeper
        Family("ingest_pushes_settled_total", Type.COUNTER, ("source", "kind", "outcome"), "pushes settled"),
        Family("ingest_pushes_warned_total", Type.COUNTER, ("source", "kind"), "pushes normalised with warnings"),
        Family("ingest_settle_seconds", Type.HISTOGRAM, ("source",), "from a push's coming until it is settled"),
        Family("ingest_settlement_pushes", Type.HISTOGRAM, (), "pushes settled in one transaction"),
        # On its way, or waiting for somebody
        Family("ingest_in_flight_batches", Type.GAUGE, (), "batches in Redis"),
        Family("ingest_in_flight_pushes", Type.GAUGE, (), "pushes in them"),
        Family("ingest_in_flight_oldest_seconds", Type.GAUGE, (), "age of the oldest batch; 0 if there is none"),
        Family("ingest_jobs", Type.GAUGE, ("state",), "RQ's jobs, queued or failed"),
        Family("ingest_workers", Type.GAUGE, ("state",), "workers that live, busy or idle"),
        Family("ingest_pushes_pending", Type.GAUGE, (), "pushes in Postgres that wait for the sweeper"),
        Family("ingest_pending_oldest_seconds", Type.GAUGE, (), "how long the oldest of them waits; 0 if none does"),
        Family("ingest_pushes_dead", Type.GAUGE, (), "dead letters"),
        Family("ingest_dead_oldest_seconds", Type.GAUGE, (), "age of the oldest dead letter; 0 if there is none"),
        Family("ingest_pushes_missing", Type.GAUGE, ("source",), "acknowledged, without an outcome, and nowhere"),
        Family("ingest_source_longest_silence_seconds", Type.GAUGE, ("source",), "longest usual silence at this hour"),
        Family("ingest_paused", Type.GAUGE, ("ends",), "1 if workers are paused, and how that ends, else 0"),
        # The sweeper and the stores
        Family("ingest_chore_begun_timestamp_seconds", Type.GAUGE, ("chore",), f"first known: {_SECONDS_SINCE}"),
        Family("ingest_chore_last_success_timestamp_seconds", Type.GAUGE, ("chore",), f"success: {_SECONDS_SINCE}"),
        Family("ingest_chore_duration_seconds", Type.GAUGE, ("chore",), "the longest of its last runs, or the last"),
        Family("ingest_chore_interval_seconds", Type.GAUGE, ("chore",), "from a run without work to the next one"),
        Family("ingest_chore_failures_total", Type.COUNTER, ("chore",), "runs that failed"),
        Family("ingest_store_writable", Type.GAUGE, ("store",), "1 if a push can be stored there, else 0"),
        Family("ingest_store_connections", Type.GAUGE, ("store",), "connections of all clients"),
        Family("ingest_store_connections_limit", Type.GAUGE, ("store",), "how many it allows"),
        Family("ingest_store_bytes", Type.GAUGE, ("store",), "memory of Redis, disk of the database"),
        Family("ingest_redis_memory_limit_bytes", Type.GAUGE, (), "Redis's maxmemory; 0 if there is none"),
        Family("ingest_partitions_ahead_days", Type.GAUGE, (), "days after today that have a partition, in a row"),
        Family("ingest_default_partition_pushes", Type.GAUGE, (), "pushes in the default partition, as estimated"),
        # The exporter
        Family("ingest_metrics_read_timestamp_seconds", Type.GAUGE, ("store",), f"all last read: {_SECONDS_SINCE}"),
    )
}


def metric(name: str, samples: Samples) -> Metric:
    """The samples of a family, as prometheus-client writes them out."""
    family = FAMILIES[name]
    if family.type is Type.COUNTER:
        counter = CounterMetricFamily(name.removesuffix("_total"), family.help, labels=family.labels)
        for labels, value in samples.items():
            counter.add_metric(labels, _number(value))
        return counter
    if family.type is Type.GAUGE:
        gauge = GaugeMetricFamily(name, family.help, labels=family.labels)
        for labels, value in samples.items():
            gauge.add_metric(labels, _number(value))
        return gauge
    histogram = HistogramMetricFamily(name, family.help, labels=family.labels)
    for labels, value in samples.items():
        assert isinstance(value, Histogram)
        histogram.add_metric(labels, _buckets(value), value.total)
    return histogram


def _number(value: Value) -> float:
    assert not isinstance(value, Histogram)
    return value


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Prometheus's own: each bound with the count of all that is not above it."""
    bounds = [*(str(float(bound)) for bound in histogram.bounds), "+Inf"]
    so_far, buckets = 0, []
    for bound, count in zip(bounds, histogram.counts, strict=True):
        so_far += count
        buckets.append((bound, float(so_far)))
    return buckets
