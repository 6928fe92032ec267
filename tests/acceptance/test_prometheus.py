"""A real Prometheus scrapes what `ingest up` runs: it sees every metric, and an alarm fires and ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from ops.metrics.families import FAMILIES, Type
from tests.debian import needs
from tests.ports import free_port
from tests.processes import running_into, wait_until
from tests.running_up import running_up
from tests.sources import ROOT

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300), pytest.mark.usefixtures("environment")]

CONFIGURATION = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
scrape_configs:
  - job_name: airudder-ingest
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
rule_files: [rules.yml]
"""
LEARNT = "ingest_source_longest_silence_seconds"
"""After two weeks alone"""


class Prometheus:
    """Questions to one that runs."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer; None while it gives none."""
        try:
            return httpx.get(f"{self._url}/api/v1/{path}", params=parameters).json().get("data")
        except (httpx.TransportError, ValueError):  # in words, while it is not ready
            return None

    def value(self, query: str) -> float:
        """The one value of a query; 0 while there is none."""
        found = (self.ask("query", query=query) or {"result": []})["result"]
        return float(found[0]["value"][1]) if found else 0.0

    def names(self) -> set[str]:
        """The names of all series."""
        return set(self.ask("label/__name__/values") or [])

    def firing(self) -> set[str]:
        """The alarms that fire."""
        alerts = (self.ask("alerts") or {"alerts": []})["alerts"]
        return {one["labels"]["alertname"] for one in alerts if one["state"] == "firing"}

    def health(self) -> set[str]:
        """How the evaluation of all rules went."""
        groups = (self.ask("rules") or {"groups": []})["groups"]
        return {rule["health"] for group in groups for rule in group["rules"]}


@contextmanager
def prometheus(folder: Path, metrics_port: str) -> Iterator[Prometheus]:
    """One that scrapes and judges every second, and whose alarms need not last before they fire."""
    program, port = needs("prometheus"), free_port()
    (folder / "prometheus.yml").write_text(CONFIGURATION.format(port=metrics_port))
    rules = (ROOT / "ops" / "alerts" / "rules.yml").read_text()
    (folder / "rules.yml").write_text(re.sub(r"for: \d+[mh]$", "for: 1s", rules, flags=re.M))
    arguments = (f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}")
    address = f"127.0.0.1:{port}"
    with running_into(folder / "prometheus.log", program, *arguments, f"--web.listen-address={address}"):
        yield Prometheus(f"http://{address}")


def test_alarm_fires_and_ends(tmp_path: Path) -> None:
    """While Redis is full its alarm fires, and ends once there is room; every metric has been seen by then."""
    needs("prometheus")
    with running_up(tmp_path) as up, prometheus(tmp_path, up.environ["INGEST_METRICS_PORT"]) as seen:
        wait_until(lambda: seen.value('up{job="airudder-ingest"}') == 1, "it is scraped")
        wait_until(lambda: seen.value("ingest_store_writable") == 1, "the stores are read")
        assert up.ingest("send", "--count", "50", "--bad", "10%", "--rate", "0").returncode == 0
        wait_until(lambda: seen.value("sum(ingest_pushes_kept_total)") == 50, "what web kept is seen")
        wait_until(lambda: seen.value("sum(ingest_pushes_settled_total)") == 50, "what was settled is seen")
        httpx.post(f"http://127.0.0.1:{up.environ['PORT']}/airudder/nonsense")
        wait_until(lambda: seen.value("sum(ingest_requests_refused_total)") == 1, "a refusal is seen")
        assert "IngestRedisFull" not in seen.firing()

        up.ingest("redis-cli", "CONFIG", "SET", "maxmemory", "1")
        wait_until(lambda: "IngestRedisFull" in seen.firing(), "the alarm fires")
        up.ingest("redis-cli", "CONFIG", "SET", "maxmemory", "0")
        wait_until(lambda: "IngestRedisFull" not in seen.firing(), "the alarm ends")

        series = {f"{one.name}_count" if one.type is Type.HISTOGRAM else one.name for one in FAMILIES.values()}
        assert series - seen.names() == {LEARNT}
        assert seen.health() == {"ok"}
