"""Refusals that are a problem: pushes of a source that we know. A stranger's requests are none, whatever they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from ingest.web.refusals import FAULT_OF_OURS, WRONG_CREDENTIAL
from ops.problems.problem import Badness, Problem, page
from ops.status.facts import Facts, RefusedLately

MANY = 10
"""Requests in a quarter of an hour. The vendor tries a push six times, so it takes at least two pushes."""
SHUT_OUT = ("too many connections",)
"""Reasons that are noted before a source is known, and shut every sender out"""
KNOWN_SECRET = 3
"""How often a wrong secret that was right once comes until a sender still has it"""
ANY_SECRET = 10
"""How often one that never was right comes until it is worth a word. It may be a stranger's, so it needs nobody."""
LATELY = timedelta(minutes=15)


def find(facts: Facts) -> Iterator[Problem]:
    """The problems, one for each reason and source, and one for each wrong secret."""
    for one in facts.redis.refused_lately:
        is_ours = one.reason == FAULT_OF_OURS  # of which one is too many
        if is_ours or ((one.source or one.reason in SHUT_OUT) and one.requests >= MANY):
            yield _refused(one)
    yield from _wrong_secrets(facts)


def _refused(one: RefusedLately) -> Problem:
    whose = f" of {one.source}" if one.source else ""
    what = f"{one.requests:,} requests{whose} were refused within a quarter of an hour: {one.reason}"
    name = f"refused {one.reason} {one.source or ''}".strip()
    return Problem(name=name, what=what, bad="lost", since=one.since, page=page("refusals"), told_by=("redis",))


def _wrong_secrets(facts: Facts) -> Iterator[Problem]:
    for one in facts.redis.wrong_secrets:
        if one.requests >= KNOWN_SECRET:
            what = f"a sender's secret is wrong: {one.credential} was right once, and came {one.requests:,} times"
            yield _wrong(one.credential, what, "lost", one.since)
    came = defaultdict(list)
    for refusal in facts.redis.last_refusals:
        if refusal.reason == WRONG_CREDENTIAL and refusal.credential and facts.at - refusal.at < LATELY:
            came[refusal.credential].append(refusal.at)
    for credential, times in sorted(came.items()):
        if len(times) >= ANY_SECRET and credential not in facts.redis.known_credentials:
            what = f"a secret is wrong: {credential} was never right, and came {len(times)} times"
            yield _wrong(credential, what, "note", min(times))


def _wrong(credential: str, what: str, bad: Badness, since: datetime) -> Problem:
    what += ": `ingest token list`"
    name = f"wrong secret {credential}"
    return Problem(name=name, what=what, bad=bad, since=since, page=page("refusals"), told_by=("redis",))
