"""How large a scenario is, its seed, and where its figures go."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

FULL = os.environ.get("CHAOS") == "full"


def size(*, short: int, full: int) -> int:
    """So many, in the short form that every run of the suite contains, or in `make chaos`."""
    return full if FULL else short


@pytest.fixture
def seed() -> int:
    """What the scenario's chances are drawn from; CHAOS_SEED repeats a run."""
    return int(os.environ.get("CHAOS_SEED") or random.randrange(1, 10**6))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the scenario's servers keep their data."""
    return tmp_path / "data"


@pytest.fixture
def report(request: pytest.FixtureRequest, seed: int, capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Say what a scenario showed: figures by name, on one line."""

    def say(**figures: object) -> None:
        words = ", ".join(f"{name.replace('_', ' ')} {_word(value)}" for name, value in figures.items())
        if FULL:
            with capsys.disabled():
                sys.stdout.write(f"\n  {request.node.name.removeprefix('test_')} (seed {seed}): {words}\n")

    return say


def _word(value: object) -> str:
    return f"{value:.3f} s" if isinstance(value, float) else str(value)
