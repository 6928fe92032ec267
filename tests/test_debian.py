"""Tests of what no wheel brings are run in CI, and skipped where a newcomer lacks it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.debian import needs

ROOT = Path(__file__).parents[1]


def test_program_is_found() -> None:
    """The path of what is there is given."""
    assert needs("sh").endswith("/sh")


def test_newcomer_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that lacks the program skips the test, and says which package has it."""
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-program is not installed: apt-get install its-package"):
        needs("no-such-program", package="its-package")


def test_ci_skips_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI the same test fails."""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt-get install no-such-program"):
        needs("no-such-program")


def test_ci_installs_what_tests_need() -> None:
    """Each program that a test asks for is in the list of .ci/run."""
    listed = re.search(r"packages=\(([^)]*)\)", (ROOT / ".ci" / "run").read_text())
    assert listed
    asked_for = [
        package or program
        for path in (ROOT / "tests").rglob("*.py")
        if path != Path(__file__)
        for program, package in re.findall(
            r'(?<!def )needs\(\s*"([^"]+)"(?:,\s*(?:package=)?"([^"]+)")?', path.read_text()
        )
    ]
    assert set(asked_for) <= set(listed[1].split())
