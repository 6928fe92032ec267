"""The rate limit's arithmetic; its answer is in test_admission."""

from __future__ import annotations

from ingest.web.rate_limit import BURST_SECONDS, RateLimit


class Clock:
    """A clock that goes when told."""

    now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def admitted(limit: RateLimit, source: str, pushes: int) -> int:
    """How many of so many pushes are admitted."""
    return sum(limit.admits(source) for _ in range(pushes))


def test_burst_then_steady_rate() -> None:
    """A source that was quiet may send ten seconds' worth at once, and then its rate."""
    clock = Clock()
    limit = RateLimit(5, clock)

    assert admitted(limit, "a", 100) == 5 * BURST_SECONDS
    clock.now += 2
    assert admitted(limit, "a", 100) == 10
    clock.now += 0.1
    assert admitted(limit, "a", 100) == 0
    clock.now += 0.1
    assert admitted(limit, "a", 100) == 1


def test_quiet_source_saves_no_more_than_a_burst() -> None:
    """A day's silence buys no day's worth."""
    clock = Clock()
    limit = RateLimit(5, clock)
    admitted(limit, "a", 1)
    clock.now += 86_400

    assert admitted(limit, "a", 1000) == 5 * BURST_SECONDS


def test_sources_do_not_take_from_each_other() -> None:
    """One that is over its limit leaves the others theirs."""
    limit = RateLimit(1, Clock())
    admitted(limit, "greedy", 1000)

    assert limit.admits("modest")


def test_no_limit_admits_everything() -> None:
    """Where no limit is set there is none."""
    assert admitted(RateLimit(None), "a", 10_000) == 10_000
