"""Where a request comes from, and whether pushes may come from there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import SettingError
from ingest.networks import parse_networks
from ingest.web.addresses import Addresses, shown


def scope(peer: str | None, *forwarded: bytes) -> dict[str, Any]:
    """A request from a peer, with X-Forwarded-For headers."""
    headers = [(b"host", b"x"), *((b"x-forwarded-for", value) for value in forwarded)]
    return {"client": (peer, 1234) if peer else None, "headers": headers}


def addresses(allowed: str = "", trusted: str = "") -> Addresses:
    """Addresses of these settings."""
    return Addresses(parse_networks("ALLOWED", allowed), parse_networks("TRUSTED", trusted))


PROXIES = "10.0.0.0/8,2001:db8:1::/48"

CLIENTS = {
    "no proxy": (scope("203.0.113.7"), "203.0.113.7"),
    "a stranger's word": (scope("203.0.113.7", b"198.51.100.1"), "203.0.113.7"),
    "through a proxy": (scope("10.0.0.1", b"198.51.100.1"), "198.51.100.1"),
    "through two proxies": (scope("10.0.0.1", b"198.51.100.1, 10.0.0.2"), "198.51.100.1"),
    "in two headers": (scope("10.0.0.1", b"198.51.100.1", b"10.0.0.2"), "198.51.100.1"),
    "invented before the proxy's word": (scope("10.0.0.1", b"192.0.2.1, 10.9.9.9, 198.51.100.1"), "198.51.100.1"),
    "from the proxy itself": (scope("10.0.0.1"), "10.0.0.1"),
    "proxies all the way": (scope("10.0.0.1", b"10.0.0.3,10.0.0.2"), "10.0.0.3"),
    "with a port": (scope("10.0.0.1", b"198.51.100.1:4711"), "198.51.100.1"),
    "IPv6": (scope("2001:db8:1::1", b"2001:db8:2::7"), "2001:db8:2::7"),
    "IPv6 with a port": (scope("10.0.0.1", b"[2001:db8:2::7]:4711"), "2001:db8:2::7"),
    "IPv4 in IPv6": (scope("::ffff:203.0.113.7"), "203.0.113.7"),
    "proxy's IPv4 in IPv6": (scope("::ffff:10.0.0.1", b"::ffff:198.51.100.1"), "198.51.100.1"),
    "no address": (scope("10.0.0.1", b"unknown"), None),
    "no address behind a stranger": (scope("10.0.0.1", b"10.0.0.2, unknown"), None),
    "endless": (scope("10.0.0.1", b"9" * 10_000), None),
    "no peer": (scope(None), None),
    "a peer by name": (scope("testclient"), None),
}


@pytest.mark.parametrize(("request_scope", "client"), CLIENTS.values(), ids=CLIENTS.keys())
def test_client_is_the_last_stranger(request_scope: dict[str, Any], client: str | None) -> None:
    """X-Forwarded-For is read from its end, and believed as long as our own proxies wrote it."""
    found = addresses(trusted=PROXIES).client(request_scope)

    assert (str(found) if found else None) == client


@pytest.mark.parametrize(
    ("request_scope", "may_push"),
    [
        (scope("203.0.113.7"), True),
        (scope("::ffff:203.0.113.7"), True),
        (scope("203.0.114.7"), False),
        (scope("2001:db8:2::7"), True),
        (scope("2001:db8:3::7"), False),
        (scope("203.0.114.7", b"203.0.113.7"), False),
        (scope("10.0.0.1", b"203.0.113.7"), True),
        (scope("10.0.0.1", b"203.0.113.7, 192.0.2.1"), False),
        (scope("10.0.0.1", b"nonsense"), False),
        (scope("10.0.0.1"), False),
        (scope(None), False),
    ],
)
def test_only_allowed_networks_may_push(request_scope: dict[str, Any], may_push: bool) -> None:
    """Of either version, behind a proxy or not; who cannot be told may not."""
    guarded = addresses("203.0.113.0/24, 2001:db8:2::/48", PROXIES)

    assert guarded.may_push(request_scope) is may_push


def test_mapped_network_is_the_one_it_stands_for() -> None:
    """::ffff:203.0.113.0/120 is 203.0.113.0/24."""
    assert addresses("::ffff:203.0.113.0/120").may_push(scope("203.0.113.7"))
    assert not addresses("::ffff:203.0.113.0/120").may_push(scope("203.0.114.7"))


def test_everybody_may_push_where_nothing_is_said() -> None:
    """Without an allow list even a request without an address is taken."""
    assert addresses().may_push(scope(None))


@given(st.binary(max_size=100), st.sampled_from(["10.0.0.1", "203.0.113.7", "::1", "", "x"]))
def test_no_header_breaks_it(value: bytes, peer: str) -> None:
    """A malformed header is somebody who cannot be told, never an error."""
    addresses("203.0.113.0/24", PROXIES).may_push(scope(peer, value))


@pytest.mark.parametrize("text", ["203.0.113.0/33", "203.0.113.7/24", "example.com", "1.2.3.4,x"])
def test_bad_network_is_named(text: str) -> None:
    """What is no network is an error with its variable."""
    with pytest.raises(SettingError, match=r"^INGEST_ALLOW_IPS: "):
        parse_networks("INGEST_ALLOW_IPS", text)


def test_networks_of_nothing_are_refused() -> None:
    """A list that was meant and not given must not let everybody in."""
    with pytest.raises(SettingError, match="is set and holds no network"):
        parse_networks("INGEST_ALLOW_IPS", " , ")


def test_address_is_written_down_without_its_end() -> None:
    """What is kept of an address names a network, not a person's line."""
    seen = [shown(addresses().client(scope(peer))) for peer in ("203.0.113.7", "2001:db8:2:3::7", "x")]

    assert seen == ["203.0.113.0/24", "2001:db8:2::/48", None]
