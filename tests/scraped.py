"""Metrics for tests: what Prometheus would see."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from ops.metrics.families import FAMILIES, Type

Scraped = dict[tuple[str, frozenset[tuple[str, str]]], float]
"""Values by name and labels"""


class Metrics:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self._samples: Scraped = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    @property
    def names(self) -> set[str]:
        """The names of all series."""
        return {name for name, _ in self._samples}

    def of(self, name: str, **labels: str) -> float | None:
        """The value of one series; None if there is none."""
        return self._samples.get((name, frozenset(labels.items())))

    def total(self, name: str) -> float:
        """The sum over all series of a name."""
        return sum(value for (other, _), value in self._samples.items() if other == name)


def scraped(collector: Collector) -> bytes:
    """What Prometheus would be sent."""
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry)


def scrape(collector: Collector) -> Metrics:
    """Ask in this process."""
    return Metrics(scraped(collector).decode())


def names_of_series() -> set[str]:
    """Every name that a query may have."""
    ends = ("", "_bucket", "_sum", "_count")
    return {
        f"{one.name}{end}" for one in FAMILIES.values() for end in (ends if one.type is Type.HISTOGRAM else ends[:1])
    }
