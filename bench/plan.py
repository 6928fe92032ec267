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
    sizes=("200 B", "10 kB", "200 kB"),
)
QUICK = Plan(
    rounds=1, seconds=2, fill_seconds=1, saturated_seconds=5, idle_pushes=100, queued=0, stored=0, sizes=("10 kB",)
)
