"""Listening: an address that cannot be had is told in one line, with the variable to change."""

from __future__ import annotations

import socket

import pytest

from tests.ports import free_port
from tests.processes import ingest

pytestmark = pytest.mark.usefixtures("environment")


@pytest.mark.parametrize(
    ("process", "variable", "environ"),
    [
        ("web", "PORT", {}),
        ("web", "PORT", {"WEB_CONCURRENCY": "2"}),
        ("dashboard", "DASHBOARD_PORT", {"INGEST_CONSOLE_OPEN": "yes"}),
        ("metrics", "INGEST_METRICS_PORT", {}),
    ],
)
def test_taken_port_is_one_line(process: str, variable: str, environ: dict[str, str]) -> None:
    """A port that somebody has is an error that names the variable, and nothing is said to be served there."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        refused = ingest(process, **{variable: str(port)}, **environ)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"ingest: cannot listen on 127.0.0.1:{port} (Address already in use): set ")
    assert variable in refused.stderr
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize("host", ["nowhere.invalid", "192.0.2.1"])
def test_address_of_another_is_one_line(host: str) -> None:
    """A name that nobody has, and an address that is not this machine's."""
    refused = ingest("web", HOST=host, INGEST_TOKENS="a=0123456789abcdef", PORT=str(free_port()))

    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert refused.stderr.startswith(f"ingest: cannot listen on {host}:")
    assert "set PORT or HOST" in refused.stderr
