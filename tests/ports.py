"""Ports for what tests start. None is given twice on this machine while the process lives that asked for it."""

from __future__ import annotations

import random
import socket

PORTS = range(7_000, 10_000)
"""Below those that the embedded servers draw for themselves, and none that a browser refuses to open"""

_reserved: list[socket.socket] = []


def free_port() -> int:
    """A TCP port of the loopback address on which nothing listens.

    The server that will is not there yet, and others draw meanwhile: other tests, pytest's other workers, another run
    of the suite. So the UDP port of the same number is held from now on, which none of our servers uses.
    """
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        reserved = socket.socket(type=socket.SOCK_DGRAM)
        try:
            reserved.bind(("127.0.0.1", port))
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            reserved.close()
        else:
            _reserved.append(reserved)
            return port
    raise AssertionError("no port is left")
