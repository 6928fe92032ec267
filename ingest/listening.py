"""Listening: the address that a process serves at, and what to set where it cannot be had."""

from __future__ import annotations

import socket

from ingest.errors import SettingError


def bound(variables: str, host: str, port: int) -> socket.socket:
    """A socket that is bound to an address; SettingError, with the `variables` to change, if it cannot be."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except BaseException:
            listener.close()
            raise
    except OSError as error:
        raise refusal(variables, host, port, error) from None
    return listener


def refusal(variables: str, host: str, port: int, error: OSError) -> SettingError:
    """Why the address cannot be had, by the system's words."""
    return SettingError(f"cannot listen on {host}:{port} ({error.strerror}): set {variables}")
