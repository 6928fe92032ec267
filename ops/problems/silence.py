"""Silence that is a problem: a source sends nothing for longer than is usual at this hour of the week."""

from __future__ import annotations

from collections.abc import Iterator

from ops.problems.problem import BOTH, Problem, page
from ops.status.facts import Facts

TIMES_LONGEST = 1.5
LEAST_SECONDS = 600.0
"""A shorter silence is none: the first push after a night may be late."""


def is_unusual(seconds: float, longest: float) -> bool:
    """Whether a silence is a problem, where the longest usual one is known."""
    return seconds > max(TIMES_LONGEST * longest, LEAST_SECONDS)


def find(facts: Facts) -> Iterator[Problem]:
    """The problems, one for each source whose silences are known."""
    for source, longest in sorted(facts.postgres.longest_silences.items()):
        last = facts.redis.last_push_at.get(source)
        if last and is_unusual((facts.at - last).total_seconds(), longest):
            what = f"{source} sends nothing, for longer than is usual at this hour of the week"
            yield Problem(
                name=f"silent {source}",
                what=what,
                bad="lost",
                since=last,
                page=page("a-source-is-silent"),
                told_by=BOTH,
            )
