"""What is not ours is what the registries have."""

from __future__ import annotations

import hashlib
import re

import pytest

from ops.console.rendering import STATIC

VENDOR = STATIC / "vendor"
LISTED = dict(re.findall(r"^\| (\S+) \|.*\| ([0-9a-f]{64}) \|$", (VENDOR / "README.md").read_text(), re.MULTILINE))


def test_each_file_is_listed() -> None:
    """Every script and style that is not ours has its line, with its package, version and licence."""
    assert set(LISTED) == {path.name for path in VENDOR.iterdir() if path.suffix in (".js", ".css")}


@pytest.mark.parametrize("name", LISTED)
def test_file_is_unchanged(name: str) -> None:
    """It has the digest that its line names."""
    assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == LISTED[name]
