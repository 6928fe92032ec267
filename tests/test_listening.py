"""Listening: an address that cannot be had is told in one line, with the variable to change."""

from __future__ import annotations

import socket

import pytest

from ingest.errors import SettingError
from ingest.listening import bound
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


@pytest.mark.parametrize("host", ["nowhere.invalid", "192.0.2.1", "a..b"])
def test_address_of_another_is_one_line(host: str) -> None:
    """A name that nobody has, and an address that is not this machine's."""
    refused = ingest("web", HOST=host, INGEST_TOKENS="a=0123456789abcdef", PORT=str(free_port()))

    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert refused.stderr.startswith(f"ingest: cannot listen on {host}:")
    assert "set PORT or HOST" in refused.stderr


def test_wildcards_of_two_families_do_not_meet() -> None:
    """Of a port that is taken for IPv4 the one for IPv6 is another, as uvicorn binds it."""
    port = free_port()
    with socket.create_server(("0.0.0.0", port)):
        bound("PORT", "::", port).close()


def test_name_means_ipv4() -> None:
    """A port of 127.0.0.1 is what `localhost` is refused for, and not one of ::1."""
    port = free_port()
    with socket.create_server(("::1", port), family=socket.AF_INET6):
        bound("PORT", "localhost", port).close()
    with socket.create_server(("127.0.0.1", port)), pytest.raises(SettingError, match="Address already in use"):
        bound("PORT", "localhost", port)
