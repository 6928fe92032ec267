"""The metrics process: who may read, over real HTTP."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from ops.metrics.serve import REQUEST_SECONDS
from tests.processes import INGEST, ingest, running_server, wait_until
from tests.scraped import Metrics

pytestmark = pytest.mark.usefixtures("environment")


def is_there(url: str) -> bool:
    """Whether the process answers, whatever it answers."""
    try:
        return httpx.get(f"{url}/metrics").status_code > 0
    except httpx.TransportError:
        return False


@contextmanager
def running_metrics(**environ: str) -> Iterator[str]:
    """The process on a free port; its URL."""
    with running_server([INGEST, "metrics"], "INGEST_METRICS_PORT", is_there, **environ) as url:
        yield f"{url}/metrics"


def test_prometheus_is_served_on_loopback_alone() -> None:
    """Without a token a request needs loopback's name: a page in a browser that leads another one there is refused."""
    with running_metrics() as url:
        wait_until(lambda: Metrics(httpx.get(url).text).total("ingest_store_writable") == 2, "both stores are read")
        assert httpx.get(url, headers={"Host": "evil.example"}).status_code == 403
        assert httpx.get(url, headers={"Host": "localhost:9182"}).status_code == 200
        assert httpx.get(url, headers={"Host": "[::1]:9182"}).status_code == 200
        assert httpx.post(url).status_code == 405
        assert httpx.get(url.removesuffix("metrics")).status_code == 404
        assert "text/plain" in httpx.get(url).headers["content-type"]
        openmetrics = httpx.get(url, headers={"Accept": "application/openmetrics-text; version=1.0.0"})
        assert openmetrics.text.endswith("# EOF\n")


def test_token_is_asked_for() -> None:
    """With a token whoever has it may read, by any name, and nobody else."""
    with running_metrics(INGEST_METRICS_HOST="0.0.0.0", INGEST_METRICS_TOKEN="s3cret") as url:
        right = {"Authorization": "Bearer s3cret"}
        assert httpx.get(url, headers=right | {"Host": "metrics.example"}).status_code == 200
        for wrong in ({}, {"Authorization": "Bearer s3cre"}, {"Authorization": "Basic s3cret"}):
            refused = httpx.get(url, headers=wrong)
            assert refused.status_code == 401
            assert refused.text == "401 Unauthorized\n"


def test_no_token_means_loopback() -> None:
    """Without a token another address is refused at the start, by its variable."""
    refused = ingest("metrics", INGEST_METRICS_HOST="0.0.0.0")

    assert refused.returncode == 1
    assert "INGEST_METRICS_TOKEN is not set" in refused.stderr
    assert "INGEST_METRICS_TOKEN is not set" in ingest("doctor", INGEST_METRICS_HOST="0.0.0.0").stdout


def test_silent_connection_keeps_nobody_waiting() -> None:
    """Whoever connects and says nothing is left after a while, and others are answered meanwhile."""
    with running_metrics() as url:
        place = httpx.URL(url)
        with socket.create_connection((place.host, place.port or 0)) as silent:
            silent.settimeout(REQUEST_SECONDS * 6)
            assert httpx.get(url).status_code == 200
            assert silent.recv(1) == b""
