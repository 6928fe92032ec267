"""How large a scenario is, its seed, and where its figures go."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.stand import Stand

FORM = os.environ.get("CHAOS") or "short"
FULL = FORM == "full"
AGAIN_SECONDS = 60.0
"""For servers that are back: web leaves one that failed alone for a second, and a busy machine for some more."""

Report = Callable[..., None]


def size(*, short: int, full: int, long: int | None = None) -> int:
    """So many, in the short form that every run of the suite contains, in `make chaos`, or in `make chaos-long`."""
    return {"short": short, "full": full, "long": full if long is None else long}[FORM]


async def conclude(stand: Stand, report: Report, **more: object) -> float:
    """Wait until nothing is in flight, let the oracle look, tell the figures; how long the slowest push took from its
    arrival to its outcome, seconds."""
    quiet_after = await stand.wait_until_quiet()
    slowest_outcome = stand.slowest_outcome()
    difference = await stand.check()
    oracle = stand.oracle
    answered = {"sent": len(oracle.answers), "answers": oracle.statuses(), "slowest": oracle.seconds(1.0)}
    report(**answered, slowest_outcome=slowest_outcome, quiet_after=quiet_after, difference=difference, **more)
    return slowest_outcome


async def send_again_until_acknowledged(stand: Stand) -> int:
    """Do as the vendor does, but sooner, until everything is answered 200; how many pushes were not at first."""
    deadline = time.monotonic() + AGAIN_SECONDS
    failed = await stand.oracle.send_again_what_failed()
    while await stand.oracle.send_again_what_failed():
        assert time.monotonic() < deadline, f"still refused\n{stand.words()}"
        await asyncio.sleep(1)
    return failed


@pytest.fixture
def seed() -> int:
    """What the scenario's chances are drawn from; CHAOS_SEED repeats a run."""
    return int(os.environ.get("CHAOS_SEED") or random.randrange(1, 10**6))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the scenario's servers keep their data."""
    return tmp_path / "data"


@pytest.fixture
def report(request: pytest.FixtureRequest, seed: int, capfd: pytest.CaptureFixture[str]) -> Report:
    """Say what a scenario showed: figures by name, on one line."""

    def say(**figures: object) -> None:
        words = ", ".join(f"{name.replace('_', ' ')} {_word(value)}" for name, value in figures.items())
        if FORM != "short":
            with capfd.disabled():
                sys.stdout.write(f"\n  {request.node.name.removeprefix('test_')} (seed {seed}): {words}\n")

    return say


def _word(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.1f} s" if value >= 1 else f"{1000 * value:.1f} ms"
