"""The systemd units in docs/production: systemd understands them, and they run what the Procfile runs."""

from __future__ import annotations

import configparser
import subprocess
from pathlib import Path

import pytest

from ingest.batch.queue import JOB_TIMEOUT_SECONDS
from ops.commands import COMMANDS
from tests.debian import needs
from tests.processes import INGEST
from tests.sources import ROOT

UNITS = sorted((ROOT / "docs" / "production").glob("*.service"))
INSTALLED = "/opt/airudder-ingest/bin/ingest"


def service(unit: Path) -> configparser.SectionProxy:
    """What a unit says of its service."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(unit)
    return parser["Service"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_understands_it(unit: Path, tmp_path: Path) -> None:
    """systemd finds nothing to say about it, once the command is where the unit expects it."""
    program = needs("systemd-analyze", "systemd")
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace(INSTALLED, INGEST))

    verified = subprocess.run([program, "verify", copy], check=False, capture_output=True, text=True)

    assert [line for line in verified.stderr.splitlines() if unit.name in line] == []
    assert verified.returncode == 0, verified.stderr


def test_every_process_has_one() -> None:
    """Each process of the Procfile is run by a unit of its name, as are two that are no part of it; `release` is for
    whoever upgrades."""
    commands = {unit.stem.removeprefix("airudder-ingest-"): service(unit)["ExecStart"] for unit in UNITS}
    assert commands == {name: f"{INSTALLED} {name}" for name in commands}
    processes = {line.partition(":")[0] for line in (ROOT / "Procfile").read_text().splitlines()}
    assert set(commands) == processes - {"release"} | {"up", "watch"}
    assert set(commands) <= set(COMMANDS)


@pytest.mark.parametrize("name", ["worker", "sweeper", "up"])
def test_job_may_take_its_time(name: str) -> None:
    """systemd waits longer than a job may take before it kills, and asks only once."""
    unit = service(ROOT / "docs" / "production" / f"airudder-ingest-{name}.service")
    assert int(unit["TimeoutStopSec"]) > JOB_TIMEOUT_SECONDS + 5
    assert unit["KillMode"] == "mixed"
