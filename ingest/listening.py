"""Listening: the address that a process serves at, and what to set where it cannot be had."""

from __future__ import annotations

import socket

from ingest.errors import SettingError


def bound(variables: str, host: str, port: int) -> socket.socket:
    """A socket that is bound to an address; SettingError, with the `variables` to change, if it cannot be.

    Of a name that means several addresses it is IPv4's first one, as uvicorn's own.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
    except (OSError, UnicodeError) as error:
        listener.close()
        raise refusal(variables, host, port, error) from None
    return listener


def refusal(variables: str, host: str, port: int, error: OSError | UnicodeError) -> SettingError:
    """Why the address cannot be had, by the system's words."""
    why = error.strerror if isinstance(error, OSError) else "no such name"
    return SettingError(f"cannot listen on {host}:{port} ({why}): set {variables}")
