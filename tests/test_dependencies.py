"""What is imported is declared, within bounds; what is installed is what was locked, by version and hash."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

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


@cache
def project() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def declared(*groups: str) -> list[Requirement]:
    """The requirements of these groups; `run` and `build` are what the project itself needs."""
    own = {
        "run": [*project()["project"]["dependencies"], *project()["project"]["optional-dependencies"]["embedded"]],
        "build": project()["build-system"]["requires"],
        **project()["dependency-groups"],
    }
    return [Requirement(one) for group in groups for one in own[group]]


@pytest.mark.parametrize(
    ("lock", "groups"),
    [
        ("requirements.lock", ["run", "build", "dev"]),
        ("bench/requirements.lock", ["run", "dev", "bench"]),
        ("tests/fuzz/requirements.lock", ["fuzz"]),
        (".ci/audit.lock", ["audit"]),
    ],
)
def test_what_is_declared_is_locked(lock: str, groups: list[str]) -> None:
    """Every dependency of pyproject.toml is in the lock that its command installs, in a version that it allows."""
    locked = requirements(lock)
    for one in declared(*groups):
        version = re.search(r"==([\w.]+)", locked[one.name])
        assert version
        assert one.specifier.contains(version[1]), one


def test_next_version_that_may_break_is_kept_out() -> None:
    """Whoever installs the project without its lock has nothing that nobody has tried: the next major version of
    nothing, nor below 1.0 the next minor one."""
    for one in declared("run"):
        locked = re.search(r"==(?:0\.)*(\d+)", requirements("requirements.lock")[one.name])
        assert locked
        next_one = locked[0].removeprefix("==")[: -len(locked[1])] + str(int(locked[1]) + 1)
        assert not one.specifier.contains(next_one), f"{one} allows {next_one}"


@pytest.mark.parametrize(
    ("folder", "groups"),
    [
        ("ingest", ["run"]),
        ("workers", ["run"]),
        ("ops", ["run"]),
        ("tests", ["run", "dev", "fuzz"]),
        ("bench", ["run", "dev", "bench"]),
    ],
)
def test_what_is_imported_is_declared(folder: str, groups: list[str]) -> None:
    """No module rests on what another package happens to bring."""
    distributions = packages_distributions()
    names = {one.name for one in declared(*groups)}
    imported = {
        name.partition(".")[0]
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in _imported_by(node)
    } - {"ingest", "workers", "ops", "tests", "bench", *sys.stdlib_module_names}
    assert [one for one in sorted(imported) if not names & {one.replace("_", "-"), *distributions.get(one, ())}] == []


def _imported_by(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def test_nothing_is_installed_without_hashes() -> None:
    """Each `pip install` of the Makefile checks hashes, or installs nothing but this project, with what is there."""
    command = ["make", "--dry-run", "--always-make", "bench", "fuzz", "audit"]
    environ = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}  # of the make that runs us
    printed = subprocess.run(command, cwd=ROOT, env=environ, check=True, capture_output=True, text=True).stdout
    installs = [line for line in printed.splitlines() if "pip install" in line]
    assert len(installs) == len(LOCKS) + 1
    for line in installs:
        is_ourselves = line.endswith("--no-deps --no-build-isolation --editable .")
        assert is_ourselves or "--require-hashes" in line, line
