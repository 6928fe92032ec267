"""Everything that is wrong, told from facts alone: the same facts, the same problems."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from ops.problems import refusals, settling, silence
from ops.problems.problem import Badness, Problem, Store, page, worst_first
from ops.status.facts import Facts

LATE_SECONDS = 60
"""An older push waits for longer than is usual: it is settled within a second where all is well."""
WEB_SILENT_SECONDS = 60
"""A web process notes every few seconds that it lives."""
LONG_PAUSE = timedelta(hours=1)
"""A pause that has no end of its own and lasts for longer may have been forgotten."""
CHORE_SECONDS = 600
"""How long after its time a chore may come: it may have rested a minute, and others have had their turn"""


def find_problems(facts: Facts) -> list[Problem]:
    """Everything that is wrong, the worst first."""
    found = [*_stores(facts), *refusals.find(facts), *silence.find(facts), *settling.find(facts), *_waiting(facts)]
    return worst_first([*found, *_web(facts), *_sweeper(facts), *_pause(facts)])


def _stores(facts: Facts) -> Iterator[Problem]:
    redis, postgres = facts.redis, facts.postgres
    away = [bool(one.error or one.cannot_store) for one in (redis, postgres)]
    bad: Badness = "lost" if all(away) else "waits"
    if redis.error:
        yield _away("redis", redis.error, bad)
    elif redis.cannot_store:
        yield _not_writable("redis", f"Redis would take no push: it {redis.cannot_store}", bad)
    if postgres.error:
        yield _away("postgres", postgres.error, bad)
    elif postgres.cannot_store:
        yield _not_writable("postgres", f"Postgres would take no push: {postgres.cannot_store}", bad)
    if postgres.is_partition_missing:
        yield Problem(
            name="partition missing",
            what="tomorrow's partition is missing",
            bad="waits",
            page=page("lines-in-the-log"),
            told_by=("postgres",),
        )


def _web(facts: Facts) -> Iterator[Problem]:
    silent = facts.redis.web_silent_seconds
    # A Redis that takes nothing takes no note of who lives either.
    if facts.redis.error or facts.redis.cannot_store or (silent is not None and silent <= WEB_SILENT_SECONDS):
        return
    if silent is None:
        what = "no web process has ever noted in this Redis that it runs: does web use another REDIS_URL?"
    else:
        what = "no web process is running, so nobody acknowledges pushes"
    yield Problem(
        name="no web",
        what=what,
        bad="lost",
        since=None if silent is None else facts.ago(silent),
        page=page("no-web-process-lives"),
        told_by=("redis",),
    )


def _away(store: Store, what: str, bad: Badness) -> Problem:
    return Problem(
        name=f"{store} away", what=what, bad=bad, page=page(f"{store}-is-away"), told_by=(store,), hides=(store,)
    )


def _not_writable(store: Store, what: str, bad: Badness) -> Problem:
    return Problem(name=f"{store} not writable", what=what, bad=bad, page=page(f"{store}-is-away"), told_by=(store,))


def _waiting(facts: Facts) -> Iterator[Problem]:
    """Pushes that wait for longer than is usual, unless that is wanted."""
    if facts.redis.pause:
        return
    if (pending := facts.postgres.oldest_pending_seconds) > LATE_SECONDS:
        what = f"the oldest pending push waits for {pending:.0f} s"
        yield Problem(
            name="pending waits",
            what=what,
            bad="waits",
            since=facts.ago(pending),
            page=page("pushes-come-late"),
            told_by=("postgres",),
        )
    if flight := facts.redis.in_flight:
        yield from _in_flight(facts, flight)


def _in_flight(facts: Facts, flight: dict[str, Any]) -> Iterator[Problem]:
    seconds, pushes = flight["oldest_seconds"], flight["pushes"]
    if not flight["workers"] and not facts.redis.workers:
        yield Problem(
            name="no worker",
            what="no worker is running",
            bad="waits",
            page=page("pushes-come-late"),
            told_by=("redis",),
        )
    if seconds > LATE_SECONDS:
        yield _late(facts, seconds, pushes)


def _late(facts: Facts, seconds: float, pushes: int) -> Problem:
    """The oldest batch waits. A backlog that will soon be gone needs nobody."""
    a_minute = sum(one.last_minute for one in facts.postgres.settled)
    minutes_left = pushes / a_minute if a_minute > 0 else float("inf")
    is_going = minutes_left < settling.SOON_MINUTES and seconds < settling.SOON_MINUTES * 60
    what = f"the oldest batch waits for {seconds:.0f} s, of {pushes:,} pushes"
    if is_going:
        what += f"; they are settled in about {max(1, round(minutes_left))} min"
    return Problem(
        name="batches wait",
        what=what,
        bad="note" if is_going else "waits",
        since=facts.ago(seconds),
        page=page("pushes-come-late"),
        told_by=("redis",),
    )


def _sweeper(facts: Facts) -> Iterator[Problem]:
    if facts.redis.in_flight.get("sweeper") is False:
        what = "no sweeper is running, or it stands still"
        yield Problem(name="no sweeper", what=what, bad="waits", page=page("pushes-come-late"), told_by=("redis",))
        return
    for chore in facts.redis.chores:
        since = chore.succeeded_at or chore.begun_at
        if since and facts.at - since > timedelta(seconds=CHORE_SECONDS + 2 * chore.every):
            what = f"the sweeper's chore of {chore.name} does not succeed"
            yield Problem(
                name=f"chore {chore.name}",
                what=what,
                bad="waits",
                since=since,
                page=page("lines-in-the-log"),
                told_by=("redis",),
            )


def _pause(facts: Facts) -> Iterator[Problem]:
    pause = facts.redis.pause
    if pause:
        is_forgotten = pause.until is None and pause.since is not None and facts.at - pause.since > LONG_PAUSE
        what = f"{pause.words}: `ingest resume` ends that"
        bad: Badness = "waits" if is_forgotten else "note"
        yield Problem(
            name="pause",
            what=what,
            bad=bad,
            since=pause.since,
            page=page("pause-the-workers"),
            told_by=("redis",),
        )
