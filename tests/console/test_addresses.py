"""Ids in addresses: whatever a customer's id looks like, its page is found, and no browser or proxy changes it."""

from __future__ import annotations

import re
from urllib.parse import urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.console.addresses import call_address, campaign_address, from_path, in_path


@given(st.text())
def test_id_survives(identifier: str) -> None:
    """As one segment that needs no quoting; a NUL, which no column holds, aside."""
    segment = in_path(identifier)
    assert re.fullmatch(r"[A-Za-z0-9._:~-]+", segment)
    assert urljoin("http://a/calls/shop/x", f"/calls/shop/{segment}") == f"http://a/calls/shop/{segment}"
    assert from_path(segment) == identifier.replace("\0", "")


def test_ordinary_id_is_readable() -> None:
    """An id of the vendor's stands there as it is."""
    assert call_address("shop", "d7b14e08214617f5") == "/calls/shop/d7b14e08214617f5"
    assert campaign_address("shop", None) == "/campaigns/shop/~"
    assert from_path("~") == ""


@pytest.mark.parametrize("typed", ["a/b", "~", "~x", "a b", "~!", "..."])
def test_typed_id_is_read(typed: str) -> None:
    """Whatever somebody types in place of a link of ours is an id, or no id's code."""
    assert from_path(typed) in (typed, "")
