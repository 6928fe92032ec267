"""Networks, as a setting lists them."""

from __future__ import annotations

import ipaddress

from ingest.errors import SettingError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAPPED_BITS = 96
"""Of ::ffff:0:0/96, before an IPv4 address in an IPv6 one"""


def parse_networks(variable: str, text: str) -> tuple[Network, ...]:
    """Read `203.0.113.0/24,2001:db8::/32,198.51.100.7`; SettingError names what is none."""
    networks = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        try:
            networks.append(_unmapped(ipaddress.ip_network(item)))
        except ValueError as error:
            raise SettingError(f"{variable}: {error}") from None
    if text.strip() and not networks:
        raise SettingError(f"{variable} is set and holds no network")
    return tuple(networks)


def _unmapped(network: Network) -> Network:
    # A socket that takes both versions gives IPv4 as ::ffff:203.0.113.7, which is compared as 203.0.113.7.
    mapped = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    if mapped is None or network.prefixlen < _MAPPED_BITS:
        return network
    return ipaddress.ip_network((mapped, network.prefixlen - _MAPPED_BITS))
