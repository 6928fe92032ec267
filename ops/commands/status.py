"""`ingest status`: what is wrong, and where pushes are right now, on one screen."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import click
import msgspec

from ingest import settings
from ingest.settings import Settings
from ingest.web.refusals import Refusal
from ops.output import word
from ops.problems.find import find_problems
from ops.problems.problem import Problem
from ops.status.facts import Facts, PostgresFacts, RedisFacts, RefusedLately, Settled
from ops.status.gather import gather
from ops.warnings import WarnedPushes

WATCH_SECONDS = 2.0
SHOWN_REFUSALS = 5
_WORDS = {"lost": "PROBLEM", "waits": "PROBLEM", "note": "note"}
SHOWN_PATHS = 5


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for scripts.")
@click.option("--watch", is_flag=True, help="Show it again every two seconds, until Ctrl-C.")
def command(as_json: bool, watch: bool) -> None:
    """Show what is wrong, and what is in flight, pending, dead and refused.

    Exit code 1 if a person is needed: pushes are refused, end dead or wait as they usually do not, or something stands
    still. A stranger's requests are no reason.
    """
    if as_json and watch:
        raise click.UsageError("--json and --watch do not go together")
    current = settings.load()
    if watch:
        with suppress(KeyboardInterrupt):
            _watch(current)
        return
    facts = gather(current)
    problems = find_problems(facts)
    click.echo(_json(facts, problems) if as_json else "\n".join(_lines(facts, problems)))
    if any(problem.needs_a_person for problem in problems):
        sys.exit(1)


def _watch(current: Settings) -> None:
    while True:
        facts = gather(current)
        lines = list(_lines(facts, find_problems(facts)))
        click.clear()
        click.echo("\n".join(lines))
        time.sleep(WATCH_SECONDS)


def _json(facts: Facts, problems: list[Problem]) -> bytes:
    return msgspec.json.encode({"at": facts.at, "problems": problems, **_parts(facts)})


def _parts(facts: Facts) -> dict[str, Any]:
    """The facts of each server, or why nothing is known of it."""
    parts: dict[str, RedisFacts | PostgresFacts] = {"redis": facts.redis, "postgres": facts.postgres}
    return {name: {"error": part.error} if part.error else _without_error(part) for name, part in parts.items()}


def _without_error(part: msgspec.Struct) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(part).items() if name != "error"}


def _lines(facts: Facts, problems: list[Problem]) -> Iterator[str]:
    redis, postgres = facts.redis, facts.postgres
    for problem in problems:
        since = f", since {word(problem.since)}" if problem.since else ""
        yield f"{_WORDS[problem.bad]:<18} {problem.what}{since} ({problem.page})"
    if not any(problem.needs_a_person for problem in problems):
        yield f"{'well':<18} nobody is needed, at {word(facts.at)}"
    yield _line("in flight", redis.in_flight)
    states = [one.state for one in redis.workers]
    yield _line("workers", {state: states.count(state) for state in sorted(set(states))})
    yield _line("waiting", {} if postgres.error else _waiting(facts))
    yield from _block("dead by cause", (_cause(one) for one in postgres.dead_by_cause))
    yield from _block("last 15 minutes", map(_settled, postgres.settled))
    yield from _block("warned", _warned(postgres.warned_last_24_hours))
    yield from _block("refused", map(_refused, redis.refused_lately))
    yield _line("refused ever", _refused_ever(redis.refused))
    yield from _block("last refusals", map(_refusal, redis.last_refusals[:SHOWN_REFUSALS]))
    acknowledged = sorted(redis.acknowledged_last_24_hours.items())
    yield _line("last 24 hours", {f"acknowledged ({source})": pushes for source, pushes in acknowledged})
    yield _line("chores", {one.name: word(one.succeeded_at) for one in redis.chores})
    yield _line("kept", postgres.kept)


def _line(title: str, values: Mapping[str, Any]) -> str:
    words = "   ".join(f"{name.replace('_', ' ')} {word(value)}" for name, value in values.items())
    return f"{title:<18} {words or '-'}"


def _block(title: str, lines: Iterable[str]) -> Iterator[str]:
    """Lines under one title, or nothing."""
    for place, line in enumerate(lines):
        yield f"{title if not place else '':<18} {line}"


def _waiting(facts: Facts) -> dict[str, Any]:
    postgres = facts.postgres
    return {
        "pending": postgres.pending,
        "oldest_pending_seconds": postgres.oldest_pending_seconds,
        "dead": postgres.dead,
    }


def _cause(one: dict[str, Any]) -> str:
    return f"{one['pushes']} {one['kind']} at {word(one['error_path'])}: {one['error']}"


def _settled(one: Settled) -> str:
    return (
        f"{one.source} ({one.kind}): {one.last_minute / 60:.1f} a second   normalised {one.normalised}   "
        f"duplicate {one.duplicate}   dead {one.dead}   settled within {one.lag_median:g} s, most {one.lag_most:g} s"
    )


def _refused(one: RefusedLately) -> str:
    whose = f" ({one.source})" if one.source else ""
    return f"{one.reason}{whose} {one.requests}, since {word(one.since)}"


def _refused_ever(refused: list[dict[str, Any]]) -> dict[str, int]:
    return {
        f"{one['reason']} ({one['source']})" if one["source"] else one["reason"]: one["requests"] for one in refused
    }


def _refusal(one: Refusal) -> str:
    details = [("of", one.source), ("from", one.network), ("with", one.credential)]
    return " ".join([word(one.at), one.reason, *(f"{name} {value}" for name, value in details if value)])


def _warned(warned: WarnedPushes | None) -> Iterator[str]:
    """The most frequent paths, and of how many pushes they are."""
    if not warned or not warned.paths:
        return
    shown = warned.paths[:SHOWN_PATHS]
    more = f", and at {len(warned.paths) - len(shown)} more paths" if len(warned.paths) > len(shown) else ""
    yield f"{'' if warned.is_all else 'newest '}{warned.counted} pushes in 24 hours{more}"
    for one in shown:
        yield f"{one.path} {one.pushes} ({one.source}, {one.kind}), such as {one.newest_push_id}"
