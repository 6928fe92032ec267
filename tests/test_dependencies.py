"""What is installed is what was locked: every package by version and hash."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = ["requirements.lock", "bench/requirements.lock", "tests/fuzz/requirements.lock", ".ci/audit.lock"]


def requirements(lock: str) -> dict[str, str]:
    """The packages of a lock file, each with the rest of its requirement."""
    text = (ROOT / lock).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return dict(re.split(r"(?===|\[)", line, maxsplit=1) for line in lines)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_has_hashes(lock: str) -> None:
    """A lock names one version of each package, and the hashes of its files."""
    found = requirements(lock)
    assert found
    for package, rest in found.items():
        assert re.match(r"(\[[a-z,]+\])?==[\w.]+\s", rest), package
        assert re.search(r"--hash=sha256:[0-9a-f]{64}(\s|$)", rest), package


def test_what_is_declared_is_locked() -> None:
    """Every dependency of pyproject.toml is in the lock that its command installs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    locked_by = {
        "requirements.lock": [
            *project["project"]["dependencies"],
            *project["project"]["optional-dependencies"]["embedded"],
            *project["build-system"]["requires"],
            *groups["dev"],
        ],
        "bench/requirements.lock": groups["bench"],
        "tests/fuzz/requirements.lock": groups["fuzz"],
        ".ci/audit.lock": groups["audit"],
    }
    for lock, declared in locked_by.items():
        names = {re.split(r"[\[=>< ]", one, maxsplit=1)[0] for one in declared}
        assert names - set(requirements(lock)) == set()


def test_nothing_is_installed_without_hashes() -> None:
    """Each `pip install` of the Makefile checks hashes, or installs nothing but this project, with what is there."""
    installs = [line for line in (ROOT / "Makefile").read_text().splitlines() if "pip install" in line]
    assert len(installs) == len(LOCKS) + 1
    for line in installs:
        is_ourselves = line.endswith("--no-deps --no-build-isolation --editable .")
        assert is_ourselves or "--require-hashes" in line, line
