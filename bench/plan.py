"""The plan: how long and how often each experiment measures, at full size and for a quick look."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Rounds, seconds and amounts."""

    rounds: int
    seconds: float
    """Of each measurement under load"""
    fill_seconds: float
    """How long pushes are queued for a worker to drain"""
    saturated_seconds: float
    idle_pushes: int
    queued: int
    """Pushes queued while acknowledgements are measured; 0 leaves that out"""
    stored: int
    """Calls in the tables while a worker drains; 0 leaves that out"""
    of_kind: int
    """Pushes of each kind that a worker drains"""
    kind_seconds: float
    """How long pushes of each kind are acknowledged"""
    kinds: int | None
    """Of how many kinds that is measured; None: of all"""
    sizes: tuple[str, ...]
    """Payloads beside the sample"""


FULL = Plan(
    rounds=3,
    seconds=5,
    fill_seconds=4,
    saturated_seconds=25,
    idle_pushes=500,
    queued=1_000_000,
    stored=2_000_000,
    of_kind=20_000,
    kind_seconds=3,
    kinds=None,
    sizes=("200 B", "10 kB", "200 kB"),
)
QUICK = Plan(
    rounds=1,
    seconds=2,
    fill_seconds=1,
    saturated_seconds=5,
    idle_pushes=100,
    queued=0,
    stored=0,
    of_kind=2_000,
    kind_seconds=1,
    kinds=3,
    sizes=("10 kB",),
)
