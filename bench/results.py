"""Results: raw numbers as they were measured, figures round by round, and the targets that figures are held against."""

from __future__ import annotations

import statistics
import sys
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.load import Load


@dataclass(frozen=True)
class Target:
    """A bound for a figure's median."""

    bound: float
    is_floor: bool

    def is_met(self, value: float) -> bool:
        """Whether a value keeps to it."""
        return value >= self.bound if self.is_floor else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.is_floor else '≤'} {self.bound:g}"


def at_least(bound: float) -> Target:
    """A floor."""
    return Target(bound, is_floor=True)


def at_most(bound: float) -> Target:
    """A ceiling."""
    return Target(bound, is_floor=False)


TARGETS = {
    "acknowledged ÷ bare": at_least(0.90),
    "acknowledged ÷ card read literally": at_least(12),
    "acknowledged ÷ FastAPI + Celery": at_least(20),
    "acknowledged ÷ one INSERT per push": at_least(3),
    "acknowledged ÷ group-committed INSERT": at_least(1.2),
    "acknowledged as another kind ÷ as custom-api, median of kinds": at_least(0.95),
    "acknowledged, Postgres away ÷ there": at_least(0.95),
    "p99 ÷ bare's p99": at_most(2.5),
    "one worker's drain ÷ COPY ceiling": at_least(0.60),
    "one worker's drain ÷ one transaction per push": at_least(15),
    "saturated with one worker: acknowledged ÷ bare": at_least(0.50),
    "saturated with one worker: p99 ÷ bare's p99": at_most(5),
    "saturated with one worker: stored ÷ bare": at_least(0.40),
    "saturated with one worker: longest lag, s": at_most(1),
    "burst of 200,000 and more, one worker: from its end to all stored, s": at_most(3),
    "10,000 in 1 s on 200/s: p99 of the acknowledgement, ms": at_most(250),
    "10,000 in 1 s on 200/s: lost": at_most(0),
    "idle: push to visible row, p50, ms": at_most(15),
    "idle: push to visible row, p99, ms": at_most(50),
    "p99 among 1,000 slow clients ÷ alone": at_most(1.2),
    "drain with 2,000,000 calls in the tables ÷ empty": at_least(0.90),
    "drain with 8,000,000 calls in the tables ÷ empty": at_least(0.85),
    "acknowledged with many pushes queued ÷ empty": at_least(0.90),
    "Redis bytes per queued push ÷ body bytes": at_most(1.3),
}
"""By figure. A figure that is not among them is reported without a verdict."""


@dataclass
class Results:
    """What a run has measured so far."""

    raw: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, list[float]] = field(default_factory=dict)
    """By name, a value a round"""

    def note(self, experiment: str, receiver: str, numbers: Load | dict[str, float], *, may_fail: bool = False) -> None:
        """Keep raw numbers, and print them as they come; leave if requests failed that should not have."""
        values = {**asdict(numbers), "rate": numbers.rate} if isinstance(numbers, Load) else numbers
        self.raw.append({"experiment": experiment, "receiver": receiver, **values})
        words = "  ".join(f"{name} {value:,.2f}" for name, value in values.items())
        print(f"{experiment} | {receiver}: {words}", flush=True)
        if isinstance(numbers, Load) and (numbers.refused or numbers.failed) and not may_fail:
            sys.exit(f"bench: {receiver} refused or failed requests: there is nothing to compare")

    def figure(self, name: str, value: float) -> None:
        """Keep one round's value of a figure."""
        self.figures.setdefault(name, []).append(value)

    def median(self, name: str) -> float:
        """A figure over all its rounds."""
        return statistics.median(self.figures[name])

    def rates(self, experiment: str, receiver: str, key: str = "rate") -> list[float]:
        """One raw number of a receiver in an experiment, round by round."""
        return [one[key] for one in self.raw if (one["experiment"], one["receiver"]) == (experiment, receiver)]

    def missed(self) -> list[str]:
        """The figures that miss their target."""
        return [
            name for name, target in TARGETS.items() if name in self.figures and not target.is_met(self.median(name))
        ]
