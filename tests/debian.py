"""Programs that no wheel brings and a Debian package does: a test that lacks one is skipped, and fails in CI."""

from __future__ import annotations

import os
import shutil

import pytest


def needs(program: str, package: str = "") -> str:
    """The path of a program; where it is missing the test that asks is skipped, or fails if CI is set.

    `package` is named like the program unless given. .ci/run installs it where it can.
    """
    path = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if path:
        return path
    missing = f"{program} is not installed: apt-get install {package or program}"
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(missing)
    pytest.skip(missing)
