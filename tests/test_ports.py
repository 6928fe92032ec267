"""Ports that tests draw before anything listens there."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests import ports

DRAW = "import sys; from tests import ports; ports.PORTS = range(*map(int, sys.argv[1:])); ports.free_port()"


def test_port_is_given_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither this process nor another one is given a port that somebody here has been given."""
    port = ports.free_port()
    monkeypatch.setattr(ports, "PORTS", range(port, port + 1))

    with pytest.raises(AssertionError, match="no port is left"):
        ports.free_port()
    other = subprocess.run(
        [sys.executable, "-c", DRAW, str(port), str(port + 1)], check=False, capture_output=True, text=True
    )
    assert "no port is left" in other.stderr
