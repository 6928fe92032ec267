"""Addresses: where a request comes from, behind proxies as well, and whether pushes may come from there."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Mapping
from typing import Any

from ingest.networks import Network

Scope = Mapping[str, Any]
"""A request, as ASGI describes it"""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LONGEST_ADDRESS = 64
"""In characters; an address with a zone and a port is shorter."""
_SHOWN_BITS = {4: 24, 6: 48}
"""How many bits of an address are written down: they tell the network."""


class Addresses:
    """`allowed`: the networks that may push, empty for all; `trusted`: proxies whose X-Forwarded-For is believed."""

    def __init__(self, allowed: tuple[Network, ...], trusted: tuple[Network, ...]) -> None:
        self._allowed = allowed
        self._trusted = trusted

    def may_push(self, scope: Scope) -> bool:
        """Whether the request comes from where pushes may come from."""
        if not self._allowed:
            return True
        client = self.client(scope)
        return client is not None and _is_in(client, self._allowed)

    def client(self, scope: Scope) -> Address | None:
        """The sender: the last address on the request's way that is no proxy of ours; None if that is no address."""
        peer = scope["client"]
        client = _parse(peer[0]) if peer else None
        if client is None or not _is_in(client, self._trusted):
            return client
        # Each proxy adds its own peer at the end. The first stranger has sent all that stands before it.
        for text in reversed(_forwarded_for(scope)):
            client = _parse(_without_port(text))
            if client is None or not _is_in(client, self._trusted):
                break
        return client


def shown(client: Address | str | None) -> str | None:
    """The network of an address, as it may be written down; None if it is no address."""
    if isinstance(client, str):
        client = _parse(client)
    if client is None:
        return None
    return str(ipaddress.ip_network((client, _SHOWN_BITS[client.version]), strict=False))


def _is_in(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)


@functools.lru_cache(maxsize=4096)
def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # A socket that takes both versions gives IPv4 as ::ffff:203.0.113.7.
    return address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address


def _parse(text: str) -> Address | None:
    return _address(text) if len(text) <= _LONGEST_ADDRESS else None


def _forwarded_for(scope: Scope) -> list[str]:
    values = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return [part.strip() for part in ",".join(values).split(",") if part.strip()]


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
