"""Problems of settling: pushes that are lost or die more often than is usual, and workers that stand still."""

from __future__ import annotations

from collections.abc import Iterator

from ops.problems.problem import BOTH, Problem, page
from ops.status.facts import Facts, Missing, Settled

LEAST_DEAD = 5
"""Fewer dead ones are for `ingest dead`, and for nobody at night."""
LEAST_SHARE = 0.01
"""Fewer of a hundred are some odd pushes of a campaign."""
TIMES_USUAL = 3.0
ALWAYS_SHARE = 0.5
"""More than that is never usual: where all have died for an hour, the share before would say that they always do."""
SILENT_SECONDS = 40.0
"""An idle worker's heart beats every fifteen seconds. One at a job is silent for as long as that lasts, which is thirty
seconds at most."""
STILL_SECONDS = 30.0
"""A batch is settled, or given up, within that time."""
SOON_MINUTES = 5


def find(facts: Facts) -> Iterator[Problem]:
    """The problems."""
    yield from map(_missing, facts.redis.missing)
    for one in facts.postgres.settled:
        if _is_dying(one):
            yield _dying(one)
    yield from _silent(facts)
    yield from _still(facts)


def _missing(one: Missing) -> Problem:
    what = f"{one.pushes:,} pushes of {one.source} were acknowledged, have no outcome and wait nowhere"
    return Problem(
        name=f"missing {one.source}",
        what=what,
        bad="lost",
        since=one.since,
        page=page("pushes-are-missing"),
        told_by=("redis",),
    )


def _is_dying(one: Settled) -> bool:
    usual = min(TIMES_USUAL * one.usually_dead, ALWAYS_SHARE)
    return one.dead >= LEAST_DEAD and one.dead > one.pushes * max(LEAST_SHARE, usual)


def _dying(one: Settled) -> Problem:
    what = (
        f"{one.dead:,} of {one.pushes:,} pushes of {one.source} ({one.kind}) ended dead within a quarter of an hour; "
        f"usual is {one.usually_dead:.1%}"
    )
    name = f"dying {one.source} {one.kind}"
    return Problem(
        name=name, what=what, bad="lost", since=one.dead_since, page=page("dead-letters"), told_by=("postgres",)
    )


def _silent(facts: Facts) -> Iterator[Problem]:
    """Workers whose hearts do not beat: stopped processes, as in a container that is frozen."""
    workers = facts.redis.workers
    silent = [one for one in workers if one.silent_seconds > SILENT_SECONDS]
    if silent:
        longest = max(one.silent_seconds for one in silent)
        places = ", ".join(sorted(one.place for one in silent)[:5])
        pushes = facts.redis.in_flight.get("pushes", 0)
        what = f"{len(silent)} of {len(workers)} workers stand still ({places}), and {pushes:,} pushes wait"
        yield Problem(
            name="workers silent",
            what=what,
            bad="waits",
            since=facts.ago(longest),
            page=page("workers-stand-still"),
            told_by=("redis",),
        )


def _still(facts: Facts) -> Iterator[Problem]:
    """Work that waits in the queue while nothing is settled, though workers seem to live."""
    flight = facts.redis.in_flight
    if facts.redis.pause or facts.postgres.error or not flight.get("workers") or not flight.get("jobs_queued"):
        return
    waits, last = flight["oldest_seconds"], facts.postgres.settled_at
    still = min(waits, (facts.at - last).total_seconds()) if last else waits
    if still > STILL_SECONDS:
        what = f"nothing was settled for {still:.0f} s, and {flight['pushes']:,} pushes wait"
        yield Problem(
            name="nothing settled",
            what=what,
            bad="waits",
            since=facts.ago(still),
            page=page("workers-stand-still"),
            told_by=BOTH,
        )
